import { DueHeap } from "../base/due-heap.js";
import {
  type HttpAgent,
  HttpError,
  type SendHttp,
} from "../../exporter/shared/platform/http/http-client.js";
import type { Clock } from "../../exporter/shared/platform/clock.js";
import { NODE_ID_HEADER } from "../../exporter/shared/protocol/heartbeat.js";
import { createClientAgent } from "../http-client/http-client-agent.js";
import { formatHostPort } from "../fleet/ip-address.js";
import type { Candidate } from "./range-catalog.js";
import type { ProbeSettings } from "./scrape-job.js";
import { WakeableSleep } from "../../exporter/shared/platform/wakeable-sleep.js";

const TICK_MS = 100; // Probes start in groups: one timer serves ten of them.
const JITTER = 0.2; // Retries are spread over a fifth of their interval.
const MAX_PROBE_BODY_BYTES = 65_536;
const EXPOSITION_TYPES =
  /^(text\/plain|application\/openmetrics-text|application\/vnd\.google\.protobuf)/;

/** Progress of the first pass over all candidates. */
export interface ProbeProgress {
  readonly candidates: number;
  readonly asked: number;
  readonly found: number;
}

interface Silent {
  readonly candidate: Candidate;
  failures: number;
}

export interface RangeProberOptions {
  readonly settings: ProbeSettings;
  readonly sendHttp: SendHttp;
  readonly clock: Clock;
  /** From 0 to 1. */
  readonly random: () => number;
  /**
   * Takes an exporter that answered, with its node id if it says one.
   *
   * @returns false when it is not wanted now; it is then probed again later
   */
  readonly onExporterFound: (candidate: Candidate, nodeId: string | undefined) => boolean;
  readonly onProbeProgress: (progress: ProbeProgress) => void;
}

/**
 * Probes candidates at a bounded rate, and silent ones at growing intervals. One timer starts the
 * probes.
 *
 * A probe is `GET /-/healthy`, which costs an exporter almost nothing. Only if a web server without
 * that path answers, `HEAD` of the metrics path follows. Other exporters are therefore found, too,
 * and a silent address costs one connection.
 */
export class RangeProber {
  private readonly queue = new DueHeap<Silent>();
  /** Silent candidates by endpoint. Others were found, or are no longer candidates. */
  private readonly silent = new Map<string, Silent>();
  private readonly stopping = new AbortController();
  private readonly pause: WakeableSleep;
  private readonly underWay = new Set<Promise<void>>();
  private readonly agents = new Map<Candidate["job"], HttpAgent>();
  private ended: Promise<void> | undefined;
  private counts = { candidates: 0, asked: 0, found: 0 };
  private probes = 0;

  constructor(private readonly options: RangeProberOptions) {
    this.pause = new WakeableSleep(options.clock, this.stopping.signal);
  }

  start(candidates: Iterable<Candidate>): void {
    for (const candidate of candidates) {
      const entry = { candidate, failures: 0 };
      this.silent.set(candidate.endpoint, entry);
      this.queue.push(0, entry);
    }
    this.counts.candidates = this.silent.size;
    this.ended = this.run();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.ended;
    await Promise.all(this.underWay);
    for (const agent of this.agents.values()) agent.close();
  }

  /** Stops probing a candidate that is known in another way (a heartbeat). */
  forget(endpoint: string): void {
    if (this.silent.delete(endpoint)) this.noteAsked(true);
  }

  /** Probes a silent candidate at once. */
  hurry(endpoint: string): void {
    const entry = this.silent.get(endpoint);
    if (entry === undefined || entry.failures === 0) return;
    const renewed = { candidate: entry.candidate, failures: entry.failures };
    this.silent.set(endpoint, renewed);
    this.queue.push(this.options.clock.monotonicMs(), renewed);
    this.pause.wake();
  }

  get silentCount(): number {
    return this.silent.size;
  }

  get probeCount(): number {
    return this.probes;
  }

  private async run(): Promise<void> {
    const { settings, clock } = this.options;
    const perTick = Math.max(1, Math.round((settings.probesPerSecond * TICK_MS) / 1000));
    const tickMs = Math.max(TICK_MS, 1000 / settings.probesPerSecond);
    while (!this.stopping.signal.aborted) {
      const started = this.startDue(perTick);
      const waitMs =
        started > 0 || this.underWay.size >= settings.concurrency
          ? tickMs
          : (this.queue.first?.atMs ?? Number.POSITIVE_INFINITY) - clock.monotonicMs();
      await this.pause.sleep(Math.max(tickMs, waitMs));
    }
  }

  private startDue(count: number): number {
    let started = 0;
    while (started < count && this.underWay.size < this.options.settings.concurrency) {
      const entry = this.queue.popDue(this.options.clock.monotonicMs());
      if (entry === undefined) return started;
      if (this.silent.get(entry.candidate.endpoint) !== entry) continue; // It was found in the meantime, or queued again.
      const probe = this.probe(entry).finally(() => this.underWay.delete(probe));
      this.underWay.add(probe);
      started++;
    }
    return started;
  }

  private async probe(entry: Silent): Promise<void> {
    this.probes++;
    const { candidate } = entry;
    const answer = await this.ask(candidate);
    if (this.stopping.signal.aborted || this.silent.get(candidate.endpoint) !== entry) return;
    const isThere = answer !== undefined && this.options.onExporterFound(candidate, answer.nodeId);
    if (isThere) {
      this.silent.delete(candidate.endpoint);
    } else {
      this.queue.push(this.options.clock.monotonicMs() + this.retryDelayMs(entry.failures), entry);
    }
    if (entry.failures++ === 0) this.noteAsked(isThere);
  }

  private noteAsked(isThere: boolean): void {
    if (this.counts.asked >= this.counts.candidates) return;
    this.counts = {
      ...this.counts,
      asked: this.counts.asked + 1,
      found: this.counts.found + (isThere ? 1 : 0),
    };
    this.options.onProbeProgress(this.counts);
  }

  private retryDelayMs(failures: number): number {
    const { firstRetryMs, lastRetryMs } = this.options.settings;
    const delayMs = Math.min(lastRetryMs, firstRetryMs * 2 ** Math.min(failures, 30));
    return delayMs * (1 - JITTER / 2 + JITTER * this.options.random());
  }

  /** @returns undefined when no exporter answers */
  private async ask(candidate: Candidate): Promise<{ nodeId: string | undefined } | undefined> {
    try {
      const healthy = await this.request(candidate, "/-/healthy", "GET", {});
      if (healthy.status === 200) return { nodeId: healthy.headers[NODE_ID_HEADER] };
      const { metricsPath, settings } = candidate.job;
      const metrics = await this.request(candidate, metricsPath, "HEAD", settings.headers);
      const type = metrics.headers["content-type"] ?? "";
      const isExporter = metrics.status === 200 && EXPOSITION_TYPES.test(type);
      return isExporter ? { nodeId: undefined } : undefined;
    } catch (error) {
      if (error instanceof HttpError) return undefined;
      throw error;
    }
  }

  private request(
    { host, port, job }: Candidate,
    path: string,
    method: "GET" | "HEAD",
    headers: Readonly<Record<string, string>>,
  ): ReturnType<SendHttp> {
    return this.options.sendHttp({
      url: `${job.scheme}://${formatHostPort(host, port)}${path}`,
      method,
      headers: { ...headers, Connection: "close" },
      timeoutMs: this.options.settings.timeoutMs,
      maxBodyBytes: MAX_PROBE_BODY_BYTES,
      signal: this.stopping.signal,
      ...(isDirect(job) ? {} : { agent: this.agentOf(job) }),
    });
  }

  /** Probes keep no connections. */
  private agentOf(job: Candidate["job"]): HttpAgent {
    const existing = this.agents.get(job);
    if (existing !== undefined) return existing;
    const agent = createClientAgent(job.settings.connection, {
      maxSockets: this.options.settings.concurrency,
      keepAliveMs: 0,
    });
    this.agents.set(job, agent);
    return agent;
  }
}

/** A request without TLS and proxy needs no agent. */
const isDirect = ({ scheme, settings }: Candidate["job"]): boolean =>
  scheme === "http" && settings.connection.proxy === undefined;
