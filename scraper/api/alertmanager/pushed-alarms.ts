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
  /** The last episode of each alarm in `alarms.log`, by fingerprint; the oldest first. */
  private episodes: Map<string, Episode> | undefined;

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
    const episodes = this.openEpisodes();
    const lines = named.flatMap(({ alert, host }) =>
      newLines(episodes, alert, nowMs).map((line) => ({ host, line })),
    );
    await Promise.all(lines.map(({ host, line }) => writeLine(host, line)));
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
  private openEpisodes(): Map<string, Episode> {
    if (this.episodes !== undefined) return this.episodes;
    const kept = this.parts.dispatcher.alerts().filter(({ isDurable }) => isDurable);
    this.episodes = new Map(
      kept.map(({ fingerprint, startsAtMs, endsAtMs }) => [
        fingerprint,
        { startsAtMs, untilMs: endsAtMs, isOver: false },
      ]),
    );
    return this.episodes;
  }
}

/** One time of an alarm, from its start to its end. */
interface Episode {
  readonly startsAtMs: number;
  /** When it ends, unless the Pi repeats it. */
  readonly untilMs: number;
  /** True when the log has its end. */
  readonly isOver: boolean;
}

/**
 * The lines that `alarms.log` lacks about an alarm, with the alarm's own times: the master may get
 * them late, and an alarm that ended meanwhile with both.
 */
function newLines(episodes: Map<string, Episode>, alert: Alert, nowMs: number): string[] {
  const key = fingerprintOf(alert.labels);
  const known = episodes.get(key);
  const { startsAtMs, endsAtMs } = alert;
  const isOver = endsAtMs <= nowMs;
  if (known !== undefined && startsAtMs < known.startsAtMs) return []; // Both were written before.
  const isSame = known?.startsAtMs === startsAtMs;
  if (isSame && known.isOver) return [];
  episodes.delete(key);
  episodes.set(key, { startsAtMs, untilMs: endsAtMs, isOver });
  const [oldest] = episodes.keys();
  if (episodes.size > MAX_ALERTS && oldest !== undefined) episodes.delete(oldest);
  const lines: string[] = [];
  if (!isSame) lines.push(formatLine("firing", alert, startsAtMs));
  // The Pi had stopped sending it, so the master took it for resolved.
  else if (!isOver && known.untilMs <= nowMs) lines.push(formatLine("firing", alert, nowMs));
  if (isOver) lines.push(formatLine("resolved", alert, endsAtMs));
  return lines;
}

/**
 * `time  firing|resolved  alertname  severity  summary`, separated by two spaces as in the other logs
 * of a host.
 */
function formatLine(
  state: "firing" | "resolved",
  { labels, annotations }: Alert,
  timeMs: number,
): string {
  const severity = labels.get("severity") || "-";
  return [
    formatTime(timeMs),
    state,
    labels.get("alertname"),
    severity,
    annotations.get("summary") || "-",
  ].join("  ");
}
