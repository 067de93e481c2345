import { formatTime } from "../../exporter/shared/model/human-lines.js";
import { Labels } from "../../exporter/shared/model/labels.js";
import type { Clock } from "../../exporter/shared/platform/clock.js";
import type { Alert } from "./alert.js";
import type { Dispatcher } from "./dispatcher.js";
import { decodePostableAlerts } from "./posted-alerts.js";

export interface PushedAlarmsParts {
  readonly dispatcher: Dispatcher;
  readonly clock: Clock;
  /** Labels of the target at this address, `instance` and `job` among them; undefined when it is no target of ours. */
  readonly targetLabels: (address: string, port: number) => Labels | undefined;
  /** Adds a line to the `alarms.log` of the host. */
  readonly writeLine: (address: string, line: string) => Promise<void>;
}

/** Port at the end of the `instance` label an exporter gives itself. */
const PORT = /:(\d{1,5})$/;

/**
 * Alarms Pis push, and alerts anybody else with the fleet token sends. An alarm of a known target gets the target's
 * labels in place of its own idea of its name: so it is the same alert as that of a rule about the same fact, and is
 * mailed once.
 */
export class PushedAlarms {
  constructor(private readonly parts: PushedAlarmsParts) {}

  /**
   * @throws {ApiError} when the body is not acceptable: then nothing is taken
   * @throws {NotDurableError} when the disk does not take them, so that the sender tries again
   */
  async receive(body: string, remoteAddress: string): Promise<void> {
    const { dispatcher, clock } = this.parts;
    const nowMs = clock.wallMs();
    const posted = decodePostableAlerts(body, { nowMs, resolveTimeoutMs: dispatcher.resolveTimeoutMs });
    const alerts = posted.map((alert) => this.asOwnTarget(alert, remoteAddress));
    const firingBefore = new Set(dispatcher.alerts().map(({ labels }) => labels.key));
    const changed = alerts.filter((alert) => firingBefore.has(alert.labels.key) !== alert.endsAtMs > nowMs);
    await Promise.all(changed.map((alert) => this.parts.writeLine(remoteAddress, formatLine(alert, nowMs))));
    await dispatcher.receive(alerts, { immediate: true });
  }

  private asOwnTarget(alert: Alert, remoteAddress: string): Alert {
    const port = PORT.exec(alert.labels.get("instance"))?.[1];
    const target = port === undefined ? undefined : this.parts.targetLabels(remoteAddress, Number(port));
    if (target === undefined) return alert;
    const own = alert.labels.without("hostname", "instance");
    return { ...alert, labels: Labels.of([...target.pairs, ...own.pairs]) };
  }
}

/** `time  firing|resolved  alertname  severity  summary`, two spaces apart as in the other logs of a host. */
function formatLine({ labels, annotations, endsAtMs }: Alert, nowMs: number): string {
  const state = endsAtMs > nowMs ? "firing" : "resolved";
  const severity = labels.get("severity") || "-";
  return [formatTime(nowMs), state, labels.get("alertname"), severity, annotations.get("summary") || "-"].join("  ");
}
