import {
  counter,
  gauge,
  type MetricsSource,
  type Sample,
} from "../../../exporter/shared/model/metric.js";
import { BadInputError, messageOf } from "../../../exporter/shared/model/errors.js";
import type { Clock } from "../../../exporter/shared/platform/clock.js";
import type { Files } from "../../../exporter/shared/platform/files.js";
import type { HttpAgent, SendHttp } from "../../../exporter/shared/platform/http/http-client.js";
import type { Logger } from "../../../exporter/shared/platform/logger.js";
import type { Alert } from "../alerts/alert.js";
import {
  type AlertmanagerGroup,
  alertmanagersOf,
  MAX_ALERTMANAGERS,
} from "../config/alertmanagers-config.js";
import { GroupSources } from "../../discovery/group-sources.js";
import { createClientAgent } from "../../http-client/http-client-agent.js";
import { loadHttpClient } from "../../http-client/http-client-config.js";
import { WakeableSleep } from "../../../exporter/shared/platform/wakeable-sleep.js";

/** The most alerts that wait for one Alertmanager; above it the oldest are dropped. */
export const MAX_QUEUED_ALERTS = 10_000;
/** Alerts in one request. */
export const MAX_FORWARDED_BATCH = 64;
const MAX_REPLY_BYTES = 65_536;

export const FORWARDING_METRICS = {
  sent: counter({
    name: "pihealth_forwarded_alerts_total",
    help: "Alerts that an Alertmanager accepted.",
    labels: ["alertmanager"],
  }),
  failed: counter({
    name: "pihealth_forwarded_alerts_failed_total",
    help: "Alerts that could not be delivered to an Alertmanager.",
    labels: ["alertmanager"],
  }),
  dropped: counter({
    name: "pihealth_forwarded_alerts_dropped_total",
    help: "Alerts dropped because the queue of their Alertmanager was full.",
    labels: ["alertmanager"],
  }),
  queued: gauge({
    name: "pihealth_forwarded_alerts_queued",
    help: "Alerts queued for an Alertmanager.",
    labels: ["alertmanager"],
  }),
};

interface ClientOptions {
  readonly alertmanagers: readonly AlertmanagerGroup[];
  readonly clock: Clock;
  readonly files: Files;
  readonly http: SendHttp;
  readonly log: Logger;
}

/** One entry of the configuration with its sources and the Alertmanagers it has now, by URL. */
interface OpenGroup {
  readonly group: AlertmanagerGroup;
  readonly sources: GroupSources;
  readonly lanes: Map<string, Lane>;
}

interface LaneCounts {
  readonly sent: number;
  readonly failed: number;
  readonly dropped: number;
  readonly queued: number;
}

const NO_COUNTS: LaneCounts = { sent: 0, failed: 0, dropped: 0, queued: 0 };

/** The most URLs that are kept of Alertmanagers that relabelling removed. */
const MAX_DROPPED = 1000;

/**
 * Forwards alerts to real Alertmanagers, configured or found. Alerts come in from the rule engine;
 * each Alertmanager has a queue and a loop of its own, so one that stalls delays no other. As in
 * Prometheus, a failed request is not repeated: firing alerts are sent again anyway.
 */
export class AlertmanagerClient implements MetricsSource {
  readonly metrics = Object.values(FORWARDING_METRICS);
  private groups: readonly OpenGroup[] = [];
  private stopping = new AbortController();
  private closing = new Set<Promise<void>>();
  private dropped: readonly string[] = [];
  private refused: ReadonlySet<string> = new Set();
  /** Of the previous configuration, whose queues go to Alertmanagers with the same URL. */
  private previous = new Map<string, Lane>();

  constructor(private readonly options: ClientOptions) {}

  /** URLs of the Alertmanagers, for `/api/v1/alertmanagers`. */
  urls(): string[] {
    return this.lanes().map(({ url }) => url);
  }

  /** URLs of Alertmanagers that relabelling removed; the first 1000. */
  droppedUrls(): readonly string[] {
    return this.dropped;
  }

  /** Reads the files of discovery before it resolves; servers and names are asked from then on. */
  async start(): Promise<void> {
    await this.open(this.options.alertmanagers);
  }

  /** Switches to another configuration. Alertmanagers that stay keep their queues. */
  async applyConfig(alertmanagers: readonly AlertmanagerGroup[]): Promise<void> {
    await this.stop();
    this.previous = new Map(this.lanes().map((lane) => [lane.url, lane]));
    await this.open(alertmanagers);
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await Promise.all([
      ...this.groups.map(({ sources }) => sources.ended()),
      ...this.lanes().map((lane) => lane.stop()),
      ...this.closing,
    ]);
  }

  /** Queues alerts for every Alertmanager. */
  send(alerts: readonly Alert[]): void {
    for (const lane of this.lanes()) lane.enqueue(alerts);
  }

  readMetrics(): Sample[] {
    const counts = new Map<string, LaneCounts>();
    for (const lane of this.lanes()) {
      const { sent, failed, dropped, queued } = counts.get(lane.url) ?? NO_COUNTS;
      const more = lane.counts();
      counts.set(lane.url, {
        sent: sent + more.sent,
        failed: failed + more.failed,
        dropped: dropped + more.dropped,
        queued: queued + more.queued,
      });
    }
    return [...counts].flatMap(([alertmanager, count]) => [
      FORWARDING_METRICS.sent.sample(count.sent, { alertmanager }),
      FORWARDING_METRICS.failed.sample(count.failed, { alertmanager }),
      FORWARDING_METRICS.dropped.sample(count.dropped, { alertmanager }),
      FORWARDING_METRICS.queued.sample(count.queued, { alertmanager }),
    ]);
  }

  private lanes(): Lane[] {
    return this.groups.flatMap(({ lanes }) => [...lanes.values()]);
  }

  private async open(alertmanagers: readonly AlertmanagerGroup[]): Promise<void> {
    const { http: sendHttp, ...parts } = this.options;
    const groups = alertmanagers.map((group) => ({
      group,
      sources: new GroupSources(group.discoveries, { ...parts, sendHttp }),
      lanes: new Map<string, Lane>(),
    }));
    await Promise.all(groups.map(({ sources }) => sources.readFiles()));
    this.stopping = new AbortController();
    this.groups = groups;
    this.rebuild();
    for (const { sources } of groups) sources.start(this.stopping.signal, () => this.rebuild());
  }

  /** Opens and closes lanes as the sources say. */
  private rebuild(): void {
    const dropped: string[] = [];
    const refused = new Set<string>();
    let room = MAX_ALERTMANAGERS;
    for (const open of this.groups) {
      const targets = [...open.group.staticGroups, ...open.sources.groups()];
      const urls = alertmanagersOf(open.group, targets);
      const active = new Set(urls.active.slice(0, room));
      room -= active.size;
      dropped.push(...urls.dropped);
      for (const url of [...urls.invalid, ...urls.active.slice(active.size)]) refused.add(url);
      this.setUrls(open, active);
    }
    this.dropped = dropped.slice(0, MAX_DROPPED);
    this.logRefused(refused);
  }

  private setUrls({ group, lanes }: OpenGroup, urls: ReadonlySet<string>): void {
    for (const [url, lane] of lanes) {
      if (urls.has(url)) continue;
      lanes.delete(url);
      const closed = lane.stop().then(() => void this.closing.delete(closed));
      this.closing.add(closed);
    }
    for (const url of urls) {
      if (lanes.has(url)) continue;
      const lane = new Lane(url, group, this.options, this.previous.get(url));
      this.previous.delete(url);
      lanes.set(url, lane);
      lane.start();
    }
  }

  /** Logs each refusal once. */
  private logRefused(refused: ReadonlySet<string>): void {
    for (const url of refused) {
      if (this.refused.has(url)) continue;
      this.options.log.warn("Alertmanager refused", {
        url,
        reason: `its address must be an http URL, and there must be at most ${MAX_ALERTMANAGERS}`,
      });
    }
    this.refused = refused;
  }
}

class Lane {
  private queue: Alert[] = [];
  private sent = 0;
  private failed = 0;
  private dropped = 0;
  private isFailing = false;
  private agent: HttpAgent | undefined;
  private loop: Promise<void> | undefined;
  private readonly stopping = new AbortController();
  private readonly sleep: WakeableSleep;

  /** @param previous of an earlier configuration: its queue and counts go on */
  constructor(
    readonly url: string,
    private readonly group: AlertmanagerGroup,
    private readonly parts: Omit<ClientOptions, "alertmanagers">,
    previous: Lane | undefined,
  ) {
    if (previous !== undefined) {
      this.queue = previous.queue;
      this.sent = previous.sent;
      this.failed = previous.failed;
      this.dropped = previous.dropped;
    }
    this.sleep = new WakeableSleep(parts.clock, this.stopping.signal);
  }

  start(): void {
    this.loop ??= this.run();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.loop;
    this.agent?.close();
  }

  enqueue(alerts: readonly Alert[]): void {
    for (const alert of alerts) {
      const labels = this.group.alertRelabeling(alert.labels);
      if (labels === alert.labels) this.queue.push(alert);
      else if (labels !== undefined) this.queue.push({ ...alert, labels });
    }
    const surplus = this.queue.length - MAX_QUEUED_ALERTS;
    if (surplus > 0) {
      this.queue.splice(0, surplus);
      this.dropped += surplus;
    }
    this.sleep.wake();
  }

  counts(): LaneCounts {
    const { sent, failed, dropped, queue } = this;
    return { sent, failed, dropped, queued: queue.length };
  }

  private async run(): Promise<void> {
    const stopped = this.stopping.signal;
    while (!stopped.aborted) {
      const batch = this.queue.splice(0, MAX_FORWARDED_BATCH);
      if (batch.length === 0) await this.sleep.sleepUntil(undefined);
      else await this.forward(batch);
    }
  }

  private async forward(batch: readonly Alert[]): Promise<void> {
    try {
      await this.post(batch);
      this.sent += batch.length;
      if (this.isFailing) this.parts.log.info("Alertmanager recovered", { url: this.url });
      this.isFailing = false;
    } catch (error) {
      this.failed += batch.length;
      if (!this.isFailing) {
        this.parts.log.warn("Cannot forward alerts", {
          url: this.url,
          error: messageOf(error),
        });
      }
      this.isFailing = true;
    }
  }

  private async post(batch: readonly Alert[]): Promise<void> {
    const { url } = this;
    const { timeoutMs, client, folder } = this.group;
    // Read each time, because passwords may have been renewed.
    const { headers, connection } = await loadHttpClient(client, this.parts.files, folder);
    this.agent ??= createClientAgent(connection, { maxSockets: 1 });
    const response = await this.parts.http({
      url,
      timeoutMs,
      method: "POST",
      body: JSON.stringify(batch.map(postableAlert)),
      headers: { "content-type": "application/json", "user-agent": "pihealth", ...headers },
      maxBodyBytes: MAX_REPLY_BYTES,
      agent: this.agent,
      signal: this.stopping.signal,
    });
    if (response.status >= 200 && response.status < 300) return;
    const detail = response.body.toString("utf8", 0, 200);
    throw new BadInputError(
      `Cannot post alerts to "${url}": status ${response.status}, it must be 2xx: ${detail}`,
    );
  }
}

function postableAlert(alert: Alert): object {
  return {
    labels: alert.labels.toObject(),
    annotations: alert.annotations.toObject(),
    startsAt: new Date(alert.startsAtMs).toISOString(),
    endsAt: new Date(alert.endsAtMs).toISOString(),
    generatorURL: alert.generatorUrl,
  };
}
