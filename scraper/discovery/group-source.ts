import type { Clock } from "../../exporter/shared/platform/clock.js";
import type { SendHttp } from "../../exporter/shared/platform/http/http-client.js";
import type { Files } from "../../exporter/shared/platform/files.js";
import type { Logger } from "../../exporter/shared/platform/logger.js";
import type { TargetGroup } from "./target-group.js";

/** Something outside that says which targets there are, and is asked again and again. */
export interface GroupSource {
  /** For messages. */
  readonly origin: string;
  /** Until the first answer: none. A bad answer keeps the last good one. */
  groups(): readonly TargetGroup[];
  /** Asks once. Resolves with true when the groups changed; never rejects for what the outside did wrong. */
  refresh(signal?: AbortSignal): Promise<boolean>;
  readonly refreshMs: number;
  readonly failures: number;
}

export interface SourceParts {
  readonly files: Files;
  readonly sendHttp: SendHttp;
  readonly clock: Clock;
  readonly log: Logger;
}
