import path from "node:path";
import type { ActiveAlarm } from "../alarms/alarm-board.js";
import type { ExporterConfig } from "../config/config.js";
import type { MetricsSource } from "../shared/model/metric.js";
import type { Clock } from "../shared/platform/clock.js";
import type { Files } from "../shared/platform/files.js";
import type { SendHttp } from "../shared/platform/http/http-client.js";
import type { Logger } from "../shared/platform/logger.js";
import { AlarmOutbox } from "../uplink/alarm-outbox.js";
import { AlarmSender } from "../uplink/alarm-sender.js";
import { HeartbeatSender } from "../uplink/heartbeat-sender.js";
import { MasterClient } from "../uplink/master-client.js";
import type { Heartbeat } from "../shared/protocol/heartbeat.js";
import type { UplinkToken } from "../uplink/uplink-token.js";

interface UplinkParts {
  readonly clock: Clock;
  readonly files: Files;
  readonly sendHttp: SendHttp;
  readonly log: Logger;
  readonly hostname: string;
  /** Port on which this exporter listens. */
  readonly port: number;
  readonly random: () => number;
  readonly nodeId: string;
  readonly bootId: string;
  /** Milliseconds since boot. */
  readonly bootMs: () => number;
  readonly token: UplinkToken;
  readonly history?: HistoryLink | undefined;
}

/** Facts for heartbeats about the history on this Pi, and the receiver of confirmations. */
export interface HistoryLink {
  facts(): Heartbeat["history"];
  /**
   * The master has all samples before `durableUntilMs`. The smallest value of all masters counts.
   */
  confirm(master: string, durableUntilMs: number): void;
}

export interface Uplink {
  readonly alarmSender: AlarmSender;
  /** Alarms that were active when the exporter stopped. */
  readonly lastingAlarms: readonly ActiveAlarm[];
  readonly sources: readonly MetricsSource[];
  start(): void;
  stop(): Promise<void>;
}

/**
 * Creates everything that sends to masters.
 *
 * @returns undefined when no master is configured
 */
export async function createUplink(
  config: ExporterConfig,
  parts: UplinkParts,
): Promise<Uplink | undefined> {
  const { masters, heartbeatIntervalMs } = config.uplink;
  if (masters.length === 0) return undefined;
  const { clock, files, sendHttp, log, random, port, history, token } = parts;
  const { nodeId, bootId, bootMs } = parts;
  const outbox = await AlarmOutbox.open(path.join(config.stateFolder, "outbox"), files, log);
  const client = new MasterClient({ sendHttp, token });
  const shared = { masters, client, clock, log, random };

  const hostname = parts.hostname.replace(/[^a-zA-Z0-9._-]/g, "-").slice(0, 253) || "unknown";
  const createHeartbeat = (): Heartbeat => ({
    nodeId,
    hostname,
    port,
    bootId,
    wallMs: Math.round(clock.wallMs()),
    monotonicMs: Math.floor(bootMs()),
    history: history?.facts(),
  });
  const heartbeatSender = new HeartbeatSender({
    ...shared,
    intervalMs: heartbeatIntervalMs,
    createHeartbeat,
    onHeartbeatReply: (master, { durableUntilMs }) => history?.confirm(master, durableUntilMs),
  });
  const alarmSender = new AlarmSender({
    ...shared,
    resendIntervalMs: config.alarms.resendIntervalMs,
    outbox,
  });
  const lasting = outbox.entries.filter(({ alarm }) => alarm.endsAtMs === undefined);
  return {
    alarmSender,
    lastingAlarms: lasting.map(({ alarm, collector }) => ({ alarm, collector })),
    sources: [heartbeatSender, alarmSender],
    start() {
      heartbeatSender.start();
      alarmSender.start();
    },
    async stop() {
      await Promise.all([heartbeatSender.stop(), alarmSender.stop()]);
    },
  };
}
