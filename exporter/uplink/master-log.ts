import type { Clock } from "../shared/platform/clock.js";
import type { Logger } from "../shared/platform/logger.js";
import type { MasterOutcome, MasterReply } from "./master-client.js";

interface MasterLogParts {
  readonly master: string;
  /** What is sent, in the plural. */
  readonly what: "heartbeats" | "alarms";
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * A master that is away so long is worth a line: one that starts together with this exporter, or
 * starts again, is not.
 */
const PATIENCE_MS = 20_000;
/** Somebody has to change something before these get better. */
const LASTING: readonly MasterOutcome[] = ["refused", "rejected"];

/** Logs when a master no longer takes what is sent, and when it does again, once each. */
export class MasterLog {
  private logged: MasterOutcome | undefined;
  private failingSinceMs: number | undefined;

  constructor(private readonly parts: MasterLogParts) {}

  logChange({ outcome, detail }: Pick<MasterReply, "outcome" | "detail">): void {
    const { master, what, clock, log } = this.parts;
    if (outcome === "ok") {
      this.failingSinceMs = undefined;
      if (this.logged !== "ok") log.info(`Master takes ${what}`, { master });
      this.logged = "ok";
      return;
    }
    const nowMs = clock.monotonicMs();
    this.failingSinceMs ??= nowMs;
    if (this.logged === outcome) return;
    if (!LASTING.includes(outcome) && nowMs - this.failingSinceMs < PATIENCE_MS) return;
    log.warn(`Master does not take ${what}`, { master, outcome, error: detail });
    this.logged = outcome;
  }
}
