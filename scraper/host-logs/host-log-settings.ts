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
}
