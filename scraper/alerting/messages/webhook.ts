import { Labels } from "../../../exporter/shared/model/labels.js";
import { fingerprintOf } from "../alerts/alert-fingerprint.js";
import { isResolvedAt, type StoredAlert } from "../alerts/alert-store.js";
import type { OutageSummary, PastAlert } from "../alerts/past-alert.js";
import {
  commonPairs,
  groupStatusOf,
  quotedReceiver,
  statusOf,
  type Notification,
} from "./notification.js";

/** Alertmanager sends Go's zero time as the end of a firing alert. */
const ZERO_TIME = "0001-01-01T00:00:00Z";

/**
 * Renders Alertmanager's webhook message, version 4.
 *
 * @param maxAlerts 0: all
 */
export function renderWebhook(notification: Notification, maxAlerts: number): string {
  const { alerts, groupLabels, receiver, externalUrl, groupKey } = notification;
  const sent = maxAlerts > 0 ? alerts.slice(0, maxAlerts) : alerts;
  return JSON.stringify({
    receiver: quotedReceiver(receiver),
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

interface SummaryWebhook {
  readonly receiver: string;
  readonly summary: OutageSummary;
  readonly nowMs: number;
  readonly externalUrl: string;
}

/**
 * The summary of an outage as an ordinary webhook message: all its alerts as one group, with the times
 * at which they really started and ended.
 */
export function renderSummaryWebhook(
  { receiver, summary, nowMs, externalUrl }: SummaryWebhook,
  maxAlerts: number,
): string {
  const alerts = summary.alerts.map((alert) => storedAlertOf(alert, nowMs));
  const groupKey = `summary:${summary.id}`;
  const notification = {
    receiver,
    groupKey,
    groupLabels: Labels.EMPTY,
    alerts,
    nowMs,
    externalUrl,
  };
  return renderWebhook(notification, maxAlerts);
}

function storedAlertOf(
  { labels, annotations, generatorUrl, firedAtMs, endedAtMs }: PastAlert,
  nowMs: number,
): StoredAlert {
  return {
    labels,
    annotations,
    generatorUrl,
    fingerprint: fingerprintOf(labels),
    updatedAtMs: nowMs,
    endsByTimeout: false,
    isImmediate: false,
    isDurable: false,
    startsAtMs: firedAtMs,
    endsAtMs: endedAtMs ?? Number.POSITIVE_INFINITY,
  };
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
