import { formatHostPort } from "./ip-address.js";

/** An exporter the fleet knows of: because it sends heartbeats, because probing found it, or from an earlier run. */
export interface KnownHost {
  /** IP address in canonical form, or a name where the configuration gave one. */
  readonly address: string;
  readonly port: number;
  /** Wall clock of this machine. */
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
  /** Undefined for an exporter that never sent a heartbeat. */
  readonly node: KnownNode | undefined;
}

/** What the last heartbeat said. */
export interface KnownNode {
  readonly nodeId: string;
  readonly hostname: string;
  readonly bootId: string;
  readonly lastHeartbeatMs: number;
  /** Its wall clock minus ours when the heartbeat arrived: positive when its clock is ahead. */
  readonly clockOffsetMs: number;
  /** Its monotonic clock at the heartbeat. */
  readonly monotonicMs: number;
  readonly history:
    { readonly fromMs: number; readonly untilMs: number; readonly sizeBytes: number } | undefined;
}

/** Identity of an exporter: several users may run one each on one machine. */
export const endpointOf = ({ address, port }: { address: string; port: number }): string =>
  formatHostPort(address, port);

/** Time after which a Pi that was heard counts as silent: three heartbeats and a little. */
export const SILENT_AFTER_MS = 100_000;
