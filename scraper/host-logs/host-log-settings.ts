/** Section `host_logs` of the configuration, in internal units. */
export interface HostLogSettings {
  readonly isEnabled: boolean;
  /** Samplings of a family that wait for one write. */
  readonly linesPerWrite: number;
  /** Lines wait no longer than this, however few they are. */
  readonly maxWaitMs: number;
  /** A file that has reached this size is compressed and put aside. */
  readonly maxFileBytes: number;
  /** Files put aside, per log; the oldest are deleted. */
  readonly maxOldFiles: number;
}
