import { formatHostPort } from "./ip-address.js";

/** A known exporter, from heartbeats, from probing, or from an earlier run. */
export interface KnownHost {
  /** Canonical IP address, or a name if the configuration has a name. */
  readonly address: string;
  readonly port: number;
  /** Wall clock of this machine. */
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
  /** Undefined for an exporter that never sent a heartbeat. */
  readonly node: KnownNode | undefined;
}

/** Content of the last heartbeat. */
export interface KnownNode {
  readonly nodeId: string;
  readonly hostname: string;
  readonly bootId: string;
  readonly lastHeartbeatMs: number;
  /**
   * Its wall clock minus ours at the arrival of the heartbeat: positive when its clock is ahead.
   */
  readonly clockOffsetMs: number;
  /** Its monotonic clock at the heartbeat. */
  readonly monotonicMs: number;
  readonly history:
    { readonly fromMs: number; readonly untilMs: number; readonly sizeBytes: number } | undefined;
}

/** Identifies an exporter: several users may each run one on the same machine. */
export const endpointOf = ({ address, port }: { address: string; port: number }): string =>
  formatHostPort(address, port);

/**
 * Time without a heartbeat after which a Pi counts as silent: a little more than three heartbeats.
 */
export const SILENT_AFTER_MS = 100_000;
