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
  /** The target at this address; undefined when there is none. */
  readonly targetAt: (address: string, port: number) => Pick<Target, "host" | "labels"> | undefined;
  /** Labels that every alert of a rule gets. */
  readonly externalLabels: Labels;
  /** Adds a line to the `alarms.log` of the host. */
  readonly writeLine: (host: string, line: string) => Promise<void>;
}

interface NamedAlert {
  readonly alert: Alert;
  readonly host: string;
  /** The alarm of a Pi that is a target. */
  readonly isOfTarget: boolean;
}

/** The port at the end of the `instance` label of an exporter. */
const PORT = /:(\d{1,5})$/;

/**
 * Takes alarms that Pis push, and alerts of other senders with the fleet token. A request comes in;
 * alerts go to the dispatcher and lines to `alarms.log`. An alarm of a known target gets the
 * target's labels in place of the Pi's own `hostname` and `instance`. That makes it the same alert
 * as the one of the shipped rule about the same fact, so it is notified once.
 */
export class PushedAlarms {
  /** Alarms that are firing according to `alarms.log`: when they end, by fingerprint. */
  private firingUntilMs: Map<string, number> | undefined;

  constructor(private readonly parts: PushedAlarmsParts) {}

  /**
   * @throws {ApiError} when the body is not acceptable: then no alert is taken
   * @throws {NotDurableError} when the disk does not take the alerts, so that the sender tries
   * again
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
    const changed = named.filter(({ alert }) => noteState(firing, alert, nowMs));
    await Promise.all(changed.map(({ alert, host }) => writeLine(host, formatLine(alert, nowMs))));
    const ofTargets = new Set(
      named.filter(({ isOfTarget }) => isOfTarget).map(({ alert }) => alert),
    );
    await dispatcher.receive(
      named.map(({ alert }) => alert),
      // Alerts of other senders wait as in Alertmanager.
      { durable: true, isImmediate: (alert) => ofTargets.has(alert) },
    );
  }

  private nameAfterTarget(alert: Alert, remoteAddress: string): NamedAlert {
    const port = PORT.exec(alert.labels.get("instance"))?.[1];
    const target =
      port === undefined ? undefined : this.parts.targetAt(remoteAddress, Number(port));
    if (target === undefined) return { alert, host: remoteAddress, isOfTarget: false };
    const own = alert.labels.without("hostname", "instance");
    const labels = Labels.of([
      ...this.parts.externalLabels.pairs,
      ...target.labels.pairs,
      ...own.pairs,
    ]);
    return { alert: { ...alert, labels }, host: target.host, isOfTarget: true };
  }

  /**
   * Starts from the dispatcher's alarms after a restart. Later the dispatcher has alerts of rules
   * about the same facts.
   */
  private firingAt(nowMs: number): Map<string, number> {
    if (this.firingUntilMs === undefined) {
      const kept = this.parts.dispatcher.alerts().filter(({ isDurable }) => isDurable);
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

/** Returns true when the alarm started or ended now. */
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
 * `time  firing|resolved  alertname  severity  summary`, separated by two spaces as in the other logs
 * of a host.
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
