import { isResolvedAt, type StoredAlert } from "../alerts/alert-store.js";
import { commonPairs, groupStatusOf, statusOf, type Notification } from "./notification.js";

const ZERO_TIME = "0001-01-01T00:00:00Z"; // What Alertmanager sends as the end of an alert that is firing.

/**
 * Alertmanager's webhook message, version 4.
 *
 * @param maxAlerts 0: all
 */
export function renderWebhook(notification: Notification, maxAlerts: number): string {
  const { alerts, groupLabels, receiver, externalUrl, groupKey } = notification;
  const sent = maxAlerts > 0 ? alerts.slice(0, maxAlerts) : alerts;
  return JSON.stringify({
    receiver,
    status: groupStatusOf(notification),
    alerts: sent.map((alert) => alertBody(alert, notification.nowMs)),
    groupLabels: groupLabels.toObject(),
    commonLabels: commonPairs(alerts.map(({ labels }) => labels)).toObject(),
    commonAnnotations: commonPairs(alerts.map(({ annotations }) => annotations)).toObject(),
    externalURL: externalUrl,
    version: "4",
    groupKey,
    truncatedAlerts: alerts.length - sent.length,
  });
}

function alertBody(alert: StoredAlert, nowMs: number): object {
  return {
    status: statusOf(alert, nowMs),
    labels: alert.labels.toObject(),
    annotations: alert.annotations.toObject(),
    startsAt: new Date(alert.startsAtMs).toISOString(),
    endsAt: isResolvedAt(alert, nowMs) ? new Date(alert.endsAtMs).toISOString() : ZERO_TIME,
    generatorURL: alert.generatorUrl,
    fingerprint: alert.fingerprint,
  };
}
