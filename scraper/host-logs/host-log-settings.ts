import type { Family } from "../../exporter/shared/model/family.js";

export type LogKind = Family | "alarms";

/** Section `host_logs` of the configuration, in internal units. */
export interface HostLogSettings {
  readonly isEnabled: boolean;
  /** Samplings of a family per write. */
  readonly linesPerWrite: number;
  /** Longest time until a line is written. */
  readonly maxWaitMs: number;
  /** Size at which a file is rotated. */
  readonly maxFileBytes: number;
  /** Rotated files per log; the oldest are deleted. */
  readonly maxOldFiles: number;
  /** Each ends in `.log`. */
  readonly fileNames: FileNames;
}

export type FileNames = Readonly<Record<LogKind, string>>;

export function namesOf(nameOf: (kind: LogKind) => string): FileNames {
  return {
    memory: nameOf("memory"),
    cpu: nameOf("cpu"),
    disk: nameOf("disk"),
    system: nameOf("system"),
    users: nameOf("users"),
    processes: nameOf("processes"),
    alarms: nameOf("alarms"),
  };
}

/** Such as `memory.log`. */
export const DEFAULT_FILE_NAMES = namesOf((kind) => `${kind}.log`);
