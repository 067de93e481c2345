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
import type { AlertmanagerEndpoint } from "../config/alertmanagers-config.js";
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
  readonly alertmanagers: readonly AlertmanagerEndpoint[];
  readonly clock: Clock;
  readonly files: Files;
  readonly http: SendHttp;
  readonly log: Logger;
}

/**
 * Forwards alerts to real Alertmanagers. Alerts come in from the rule engine; each Alertmanager has
 * a queue and a loop of its own, so one that stalls delays no other. As in Prometheus, a failed
 * request is not repeated: firing alerts are sent again anyway.
 */
export class AlertmanagerClient implements MetricsSource {
  readonly metrics = Object.values(FORWARDING_METRICS);
  private readonly lanes: readonly Lane[];

  constructor({ alertmanagers, ...parts }: ClientOptions) {
    this.lanes = alertmanagers.map((endpoint) => new Lane(endpoint, parts));
  }

  /** URLs of the Alertmanagers, for `/api/v1/alertmanagers`. */
  urls(): string[] {
    return this.lanes.map(({ endpoint }) => endpoint.url);
  }

  start(): void {
    for (const lane of this.lanes) lane.start();
  }

  async stop(): Promise<void> {
    await Promise.all(this.lanes.map((lane) => lane.stop()));
  }

  /** Queues alerts for every Alertmanager. */
  send(alerts: readonly Alert[]): void {
    for (const lane of this.lanes) lane.enqueue(alerts);
  }

  readMetrics(): Sample[] {
    return this.lanes.flatMap((lane) => lane.readMetrics());
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

  constructor(
    readonly endpoint: AlertmanagerEndpoint,
    private readonly parts: Omit<ClientOptions, "alertmanagers">,
  ) {
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
      const labels = this.endpoint.alertRelabeling(alert.labels);
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

  readMetrics(): Sample[] {
    const labels = { alertmanager: this.endpoint.url };
    return [
      FORWARDING_METRICS.sent.sample(this.sent, labels),
      FORWARDING_METRICS.failed.sample(this.failed, labels),
      FORWARDING_METRICS.dropped.sample(this.dropped, labels),
      FORWARDING_METRICS.queued.sample(this.queue.length, labels),
    ];
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
      if (this.isFailing) this.parts.log.info("Alertmanager recovered", { url: this.endpoint.url });
      this.isFailing = false;
    } catch (error) {
      this.failed += batch.length;
      if (!this.isFailing) {
        this.parts.log.warn("Cannot forward alerts", {
          url: this.endpoint.url,
          error: messageOf(error),
        });
      }
      this.isFailing = true;
    }
  }

  private async post(batch: readonly Alert[]): Promise<void> {
    const { url, timeoutMs, client, folder } = this.endpoint;
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
