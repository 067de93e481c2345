import { Labels, type LabelPair } from "../../../exporter/shared/model/labels.js";
import { isResolvedAt, type StoredAlert } from "../alerts/alert-store.js";

/** The content of a notification of one receiver about one alert group. */
export interface Notification {
  readonly receiver: string;
  readonly groupKey: string;
  readonly groupLabels: Labels;
  /** In Alertmanager's order: by job, by instance, then by all labels. */
  readonly alerts: readonly StoredAlert[];
  readonly nowMs: number;
  readonly externalUrl: string;
}

export const statusOf = (alert: StoredAlert, nowMs: number): "firing" | "resolved" =>
  isResolvedAt(alert, nowMs) ? "resolved" : "firing";

/** Firing while any of the alerts fires. */
export function groupStatusOf({ alerts, nowMs }: Notification): "firing" | "resolved" {
  return alerts.some((alert) => !isResolvedAt(alert, nowMs)) ? "firing" : "resolved";
}

/** The name of a receiver in messages: as in Alertmanager, a regular expression of that name. */
export const quotedReceiver = (receiver: string): string =>
  receiver.replace(/[\\.+*?()|[\]{}^$]/g, "\\$&");

/** The pairs that all sets have in common. */
export function commonPairs(sets: readonly Labels[]): Labels {
  const [first, ...others] = sets;
  if (first === undefined) return Labels.EMPTY;
  const isCommon = ([name, value]: LabelPair): boolean =>
    others.every((labels) => labels.get(name) === value);
  return Labels.ofSorted(first.pairs.filter(isCommon));
}
