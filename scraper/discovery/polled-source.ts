import { codeOf, messageOf, PihealthError } from "../../exporter/shared/model/errors.js";
import type { Logger } from "../../exporter/shared/platform/logger.js";
import type { GroupSource } from "./group-source.js";
import type { TargetGroup } from "./target-group.js";

/** A source that is asked at an interval. While it does not answer, its previous targets are kept. */
export abstract class PolledSource implements GroupSource {
  failures = 0;
  private current: readonly TargetGroup[] = [];
  private currentText = "[]";
  private problem = "";

  constructor(
    readonly origin: string,
    readonly refreshMs: number,
    private readonly log: Logger,
  ) {}

  groups(): readonly TargetGroup[] {
    return this.current;
  }

  async refresh(signal?: AbortSignal): Promise<boolean> {
    try {
      const before = this.failures;
      const groups = await this.read(signal);
      if (this.failures === before) this.problem = "";
      const text = JSON.stringify(groups);
      if (text === this.currentText) return false;
      this.currentText = text;
      this.current = groups;
      return true;
    } catch (error) {
      // Errors of the system, such as those of name servers, have a code.
      if (!(error instanceof PihealthError) && codeOf(error) === undefined) throw error;
      this.noteFailure(messageOf(error));
      return false;
    }
  }

  protected abstract read(signal: AbortSignal | undefined): Promise<TargetGroup[]>;

  /** Counts a failure, and logs it unless it is the previous one again. */
  protected noteFailure(problem: string): void {
    this.failures++;
    if (problem !== this.problem) {
      this.log.warn("Cannot discover targets: the previous ones are kept", {
        origin: this.origin,
        error: problem,
      });
    }
    this.problem = problem;
  }
}
