import { messageOf } from "../shared/model/errors.js";
import { counter, gauge, type MetricsSource, type Sample } from "../shared/model/metric.js";
import type { Clock } from "../shared/platform/clock.js";
import type { Logger } from "../shared/platform/logger.js";
import {
  decodeHeartbeatReply,
  encodeHeartbeat,
  HEARTBEAT_PATH,
  type Heartbeat,
  type HeartbeatReply,
} from "../shared/protocol/heartbeat.js";
import {
  MASTER_OUTCOMES,
  type MasterClient,
  type MasterOutcome,
  type MasterReply,
} from "./master-client.js";
import { MasterLog } from "./master-log.js";
import { RetryDelay, spread } from "./retry-delay.js";

export const HEARTBEAT_METRICS = {
  sent: counter({
    name: "pihealth_heartbeats_total",
    help: "Heartbeats sent to a master, by outcome.",
    labels: ["master", "outcome"],
  }),
  lastSuccessSeconds: gauge({
    name: "pihealth_heartbeat_last_success_timestamp_seconds",
    help: "Time of the last heartbeat that the master accepted, in seconds since the Unix epoch.",
    labels: ["master"],
  }),
};

const FIRST_RETRY_MS = 2000;
const INTERVAL_SPREAD = 0.1;

interface HeartbeatSenderParts {
  readonly masters: readonly string[];
  readonly intervalMs: number;
  readonly createHeartbeat: () => Heartbeat;
  readonly client: MasterClient;
  readonly clock: Clock;
  readonly log: Logger;
  /** 0 to below 1; spreads the heartbeats of a fleet. */
  readonly random: () => number;
  readonly onHeartbeatReply?: (master: string, reply: HeartbeatReply) => void;
}

interface MasterState {
  readonly counts: Map<MasterOutcome, number>;
  readonly log: MasterLog;
  lastSuccessWallMs: number | undefined;
}

/**
 * Sends heartbeats to every master independently. A failed heartbeat is repeated after 2 s, then at
 * growing intervals up to the heartbeat interval. A master that is away delays no other. Each
 * master has a loop of its own.
 */
export class HeartbeatSender implements MetricsSource {
  readonly metrics = Object.values(HEARTBEAT_METRICS);
  private readonly stopping = new AbortController();
  private readonly states: ReadonlyMap<string, MasterState>;
  private loops: Promise<void>[] = [];

  constructor(private readonly parts: HeartbeatSenderParts) {
    this.states = new Map(
      parts.masters.map((master) => [
        master,
        {
          counts: new Map(),
          log: new MasterLog({ master, what: "heartbeats", clock: parts.clock, log: parts.log }),
          lastSuccessWallMs: undefined,
        },
      ]),
    );
  }

  start(): void {
    this.loops = [...this.states].map(([master, state]) => this.beat(master, state));
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await Promise.all(this.loops);
  }

  readMetrics(): Sample[] {
    const samples: Sample[] = [];
    for (const [master, { counts, lastSuccessWallMs }] of this.states) {
      for (const outcome of MASTER_OUTCOMES) {
        samples.push(HEARTBEAT_METRICS.sent.sample(counts.get(outcome) ?? 0, { master, outcome }));
      }
      if (lastSuccessWallMs !== undefined) {
        samples.push(
          HEARTBEAT_METRICS.lastSuccessSeconds.sample(lastSuccessWallMs / 1000, { master }),
        );
      }
    }
    return samples;
  }

  private async beat(master: string, state: MasterState): Promise<void> {
    const { clock, intervalMs, random } = this.parts;
    const { signal } = this.stopping;
    const retryDelay = new RetryDelay({
      firstMs: Math.min(FIRST_RETRY_MS, intervalMs),
      maxMs: intervalMs,
      random,
    });
    while (!signal.aborted) {
      const isTaken = await this.send(master, state);
      if (isTaken) retryDelay.reset();
      const delayMs = isTaken ? spread(intervalMs, INTERVAL_SPREAD, random) : retryDelay.nextMs();
      await clock.sleep(delayMs, signal).catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
    }
  }

  private async send(master: string, state: MasterState): Promise<boolean> {
    const { client, createHeartbeat } = this.parts;
    const url = `${master}${HEARTBEAT_PATH}`;
    const reply = this.decoded(
      master,
      await client.post(url, encodeHeartbeat(createHeartbeat()), this.stopping.signal),
    );
    if (this.stopping.signal.aborted) return false;
    state.counts.set(reply.outcome, (state.counts.get(reply.outcome) ?? 0) + 1);
    if (reply.outcome === "ok") state.lastSuccessWallMs = this.parts.clock.wallMs();
    state.log.logChange(reply);
    return reply.outcome === "ok";
  }

  /**
   * A reply that cannot be decoded is a failure, because another program answers at that address.
   */
  private decoded(master: string, reply: MasterReply): MasterReply {
    if (reply.outcome !== "ok") return reply;
    try {
      const message = decodeHeartbeatReply(reply.body.toString("utf8"));
      this.parts.onHeartbeatReply?.(master, message);
      return reply;
    } catch (error) {
      return { ...reply, outcome: "failed", detail: messageOf(error) };
    }
  }
}
