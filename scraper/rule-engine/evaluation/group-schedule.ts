import { createHash } from "node:crypto";
import { groupKeyOf, type RuleGroup } from "../rules/rule-group.js";

/**
 * Decides when a group is due. The offset within the interval is computed from the group's name, so
 * groups spread evenly and a restart changes nothing.
 */
export class GroupSchedule {
  private readonly offsetMs: number;

  constructor(
    private readonly intervalMs: number,
    group: Pick<RuleGroup, "file" | "name">,
  ) {
    const hash = createHash("sha1").update(groupKeyOf(group)).digest();
    this.offsetMs = Number(hash.readBigUInt64BE() % BigInt(intervalMs));
  }

  /** The latest time at or before `nowMs` at which the group is due. */
  lastDueMs(nowMs: number): number {
    return Math.floor((nowMs - this.offsetMs) / this.intervalMs) * this.intervalMs + this.offsetMs;
  }

  nextDueMs(nowMs: number): number {
    return this.lastDueMs(nowMs) + this.intervalMs;
  }
}
