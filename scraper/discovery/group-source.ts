import type { Clock } from "../../exporter/shared/platform/clock.js";
import type { SendHttp } from "../../exporter/shared/platform/http/http-client.js";
import type { Files } from "../../exporter/shared/platform/files.js";
import type { Logger } from "../../exporter/shared/platform/logger.js";
import type { TargetGroup } from "./target-group.js";

/** An external source of targets, which is polled. */
export interface GroupSource {
  /** Shown in messages. */
  readonly origin: string;
  /** Empty until the first successful refresh. A failed refresh keeps the previous groups. */
  groups(): readonly TargetGroup[];
  /** Polls once. Resolves with true when the groups changed. Never rejects for external errors. */
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
