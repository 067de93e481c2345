import type { Labels } from "../../../exporter/shared/model/labels.js";
import {
  ALERT_JSON_NAMES,
  DATA_JSON_NAMES,
  KeyValues,
  listWithMethods,
} from "../../templates/alertmanager-values.js";
import { GoTime, ZERO_TIME_MS } from "../../templates/go-time.js";
import { JSON_NAMES, templateFunction } from "../../templates/template-values.js";
import type { StoredAlert } from "../alerts/alert-store.js";
import {
  commonPairs,
  groupStatusOf,
  quotedReceiver,
  statusOf,
  type Notification,
} from "./notification.js";

interface AlertData {
  readonly Status: string;
  readonly Labels: KeyValues;
  readonly Annotations: KeyValues;
  readonly StartsAt: GoTime;
  /** Go's zero time while firing. */
  readonly EndsAt: GoTime;
  readonly GeneratorURL: string;
  readonly Fingerprint: string;
  readonly [JSON_NAMES]: Readonly<Record<string, string>>;
}

/**
 * The data of Alertmanager's templates.
 *
 * @param timeZone for the times in the mail, an IANA name
 */
export function templateDataOf(
  notification: Notification,
  timeZone: string,
  keyValues: (labels: Labels) => KeyValues = plainKeyValues,
): object {
  const { receiver, alerts, groupLabels, externalUrl } = notification;
  const all = alerts.map((alert) =>
    alertData(alert, { nowMs: notification.nowMs, timeZone, keyValues }),
  );
  return {
    Receiver: quotedReceiver(receiver),
    Status: groupStatusOf(notification),
    Alerts: listWithMethods(all, (items) => ({
      Firing: templateFunction([], () => items.filter(({ Status }) => Status === "firing")),
      Resolved: templateFunction([], () => items.filter(({ Status }) => Status === "resolved")),
    })),
    GroupLabels: keyValues(groupLabels),
    CommonLabels: keyValues(commonPairs(alerts.map(({ labels }) => labels))),
    CommonAnnotations: keyValues(commonPairs(alerts.map(({ annotations }) => annotations))),
    ExternalURL: externalUrl,
    [JSON_NAMES]: DATA_JSON_NAMES,
  };
}

const plainKeyValues = (labels: Labels): KeyValues => new KeyValues(labels.pairs);

interface AlertDataOptions {
  readonly nowMs: number;
  readonly timeZone: string;
  readonly keyValues: (labels: Labels) => KeyValues;
}

function alertData(
  alert: StoredAlert,
  { nowMs, timeZone, keyValues }: AlertDataOptions,
): AlertData {
  const status = statusOf(alert, nowMs);
  return {
    Status: status,
    Labels: keyValues(alert.labels),
    Annotations: keyValues(alert.annotations),
    StartsAt: new GoTime(alert.startsAtMs, timeZone),
    EndsAt: status === "firing" ? new GoTime(ZERO_TIME_MS) : new GoTime(alert.endsAtMs, timeZone),
    GeneratorURL: alert.generatorUrl,
    Fingerprint: alert.fingerprint,
    [JSON_NAMES]: ALERT_JSON_NAMES,
  };
}
