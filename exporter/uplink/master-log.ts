import type { Clock } from "../shared/platform/clock.js";
import type { Logger } from "../shared/platform/logger.js";
import type { MasterOutcome, MasterReply } from "./master-client.js";

interface MasterLogParts {
  readonly master: string;
  /** The kind of messages, in the plural. */
  readonly what: "heartbeats" | "alarms";
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Time after which an unreachable master is logged. A master that starts together with this
 * exporter, or restarts, is not.
 */
const PATIENCE_MS = 20_000;
/** Outcomes that last until somebody changes a configuration. */
const LASTING: readonly MasterOutcome[] = ["refused", "rejected"];

/** Logs once when a master stops accepting messages, and once when it accepts them again. */
export class MasterLog {
  private logged: MasterOutcome | undefined;
  private failingSinceMs: number | undefined;

  constructor(private readonly parts: MasterLogParts) {}

  logChange({ outcome, detail }: Pick<MasterReply, "outcome" | "detail">): void {
    const { master, what, clock, log } = this.parts;
    if (outcome === "ok") {
      this.failingSinceMs = undefined;
      if (this.logged !== "ok") log.info(`Master accepts ${what}`, { master });
      this.logged = "ok";
      return;
    }
    const nowMs = clock.monotonicMs();
    this.failingSinceMs ??= nowMs;
    if (this.logged === outcome) return;
    if (!LASTING.includes(outcome) && nowMs - this.failingSinceMs < PATIENCE_MS) return;
    log.warn(`Master does not accept ${what}`, { master, outcome, error: detail });
    this.logged = outcome;
  }
}
