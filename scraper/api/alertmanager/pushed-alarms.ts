import { formatTime } from "../../../exporter/shared/model/human-lines.js";
import { Labels } from "../../../exporter/shared/model/labels.js";
import type { Clock } from "../../../exporter/shared/platform/clock.js";
import type { Target } from "../../fleet/target.js";
import type { Alert } from "../../alerting/alerts/alert.js";
import { fingerprintOf } from "../../alerting/alerts/alert-fingerprint.js";
import { MAX_ALERTS } from "../../alerting/alerts/alert-store.js";
import type { Dispatcher } from "../../alerting/dispatch/dispatcher.js";
import { decodePostedAlerts } from "./posted-alerts.js";

export interface PushedAlarmsParts {
  readonly dispatcher: Pick<Dispatcher, "alerts" | "receive" | "resolveTimeoutMs">;
  readonly clock: Clock;
  /** The target at this address; undefined when it is no target of ours. */
  readonly targetAt: (address: string, port: number) => Pick<Target, "host" | "labels"> | undefined;
  /** Labels that alerts of rules carry beside their own. */
  readonly externalLabels: Labels;
  /** Adds a line to the `alarms.log` of the host. */
  readonly writeLine: (host: string, line: string) => Promise<void>;
}

/** Port at the end of the `instance` label an exporter gives itself. */
const PORT = /:(\d{1,5})$/;

/**
 * Alarms Pis push, and alerts anybody else with the fleet token sends. An alarm of a known target
 * gets the labels of the target in place of its own idea of its name: so it is the same alert as
 * that of the shipped rule about the same fact, and is mailed once.
 */
export class PushedAlarms {
  /**
   * Alarms that `alarms.log` says are firing, by fingerprint, with the time until which they do.
   */
  private firingUntilMs: Map<string, number> | undefined;

  constructor(private readonly parts: PushedAlarmsParts) {}

  /**
   * @throws {ApiError} when the body is not acceptable: then nothing is taken
   * @throws {NotDurableError} when the disk does not take them, so that the sender tries again
   */
  async receive(body: string, remoteAddress: string): Promise<void> {
    const { dispatcher, clock, writeLine } = this.parts;
    const nowMs = clock.wallMs();
    const posted = decodePostedAlerts(body, {
      nowMs,
      resolveTimeoutMs: dispatcher.resolveTimeoutMs,
    });
    const named = posted.map((alert) => this.nameAfterTarget(alert, remoteAddress));
    const firing = this.firingAt(nowMs);
    const news = named.filter(({ alert }) => noteState(firing, alert, nowMs));
    await Promise.all(news.map(({ alert, host }) => writeLine(host, formatLine(alert, nowMs))));
    await dispatcher.receive(
      named.map(({ alert }) => alert),
      { immediate: true },
    );
  }

  private nameAfterTarget(alert: Alert, remoteAddress: string): { alert: Alert; host: string } {
    const port = PORT.exec(alert.labels.get("instance"))?.[1];
    const target =
      port === undefined ? undefined : this.parts.targetAt(remoteAddress, Number(port));
    if (target === undefined) return { alert, host: remoteAddress };
    const own = alert.labels.without("hostname", "instance");
    const labels = Labels.of([
      ...this.parts.externalLabels.pairs,
      ...target.labels.pairs,
      ...own.pairs,
    ]);
    return { alert: { ...alert, labels }, host: target.host };
  }

  /**
   * What the dispatcher knows is of use at the start only: later on, rules tell it of the same
   * facts.
   */
  private firingAt(nowMs: number): Map<string, number> {
    if (this.firingUntilMs === undefined) {
      const kept = this.parts.dispatcher.alerts().filter(({ isImmediate }) => isImmediate);
      this.firingUntilMs = new Map(
        kept.map(({ fingerprint, endsAtMs }) => [fingerprint, endsAtMs]),
      );
    }
    for (const [key, untilMs] of this.firingUntilMs) {
      if (untilMs <= nowMs) this.firingUntilMs.delete(key);
    }
    return this.firingUntilMs;
  }
}

/** @returns whether the alarm began or ended now */
function noteState(
  firing: Map<string, number>,
  { labels, endsAtMs }: Alert,
  nowMs: number,
): boolean {
  const key = fingerprintOf(labels);
  if (endsAtMs <= nowMs) return firing.delete(key);
  const isNew = !firing.has(key);
  if (isNew && firing.size >= MAX_ALERTS) return false;
  firing.set(key, endsAtMs);
  return isNew;
}

/**
 * `time  firing|resolved  alertname  severity  summary`, two spaces apart as in the other logs of a
 * host.
 */
function formatLine({ labels, annotations, endsAtMs }: Alert, nowMs: number): string {
  const state = endsAtMs > nowMs ? "firing" : "resolved";
  const severity = labels.get("severity") || "-";
  return [
    formatTime(nowMs),
    state,
    labels.get("alertname"),
    severity,
    annotations.get("summary") || "-",
  ].join("  ");
}
