import { KeyValues, listWithMethods } from "../../templates/alertmanager-values.js";
import { GoTime, ZERO_TIME_MS } from "../../templates/go-time.js";
import { humanize, humanizeDuration } from "../../templates/humanize.js";
import { templateFunction } from "../../templates/template-values.js";
import { fingerprintOf } from "../alerts/alert-fingerprint.js";
import { commonPairs, quotedReceiver } from "./notification.js";
import type { OutageSummary, PastAlert } from "../alerts/past-alert.js";

/** Rows of a summary mail. More alerts are shown as a number and a link. */
export const MAX_SUMMARY_ROWS = 100;
/** Labels that the mail shows in other places. */
const SHOWN_LABELS = ["alertname", "instance", "job"];

interface SummaryDataOptions {
  readonly receiver: string;
  readonly summary: OutageSummary;
  readonly nowMs: number;
  readonly externalUrl: string;
  /** For the times in the mail, an IANA name. */
  readonly timeZone: string;
}

/**
 * The data of the templates of a summary mail: the fields of every mail and fields of the outage.
 */
export function summaryDataOf({
  receiver,
  summary,
  nowMs,
  externalUrl,
  timeZone,
}: SummaryDataOptions): object {
  const { alerts } = summary;
  const isOn = ({ endedAtMs }: PastAlert): boolean => endedAtMs === undefined;
  const sorted = [...alerts].sort(
    (left, right) => Number(isOn(right)) - Number(isOn(left)) || left.activeAtMs - right.activeAtMs,
  );
  const rows = sorted.map((alert) => rowOf(alert, nowMs, timeZone));
  const stillOn = alerts.filter(isOn).length;
  const listed = rows.slice(0, MAX_SUMMARY_ROWS);
  return {
    Receiver: quotedReceiver(receiver),
    Status: stillOn > 0 ? "firing" : "resolved",
    Alerts: listWithMethods(rows, (items) => ({
      Firing: templateFunction([], () => items.filter(({ Status }) => Status === "firing")),
      Resolved: templateFunction([], () => items.filter(({ Status }) => Status === "resolved")),
    })),
    GroupLabels: new KeyValues([]),
    CommonLabels: new KeyValues(commonPairs(alerts.map(({ labels }) => labels)).pairs),
    CommonAnnotations: new KeyValues(
      commonPairs(alerts.map(({ annotations }) => annotations)).pairs,
    ),
    ExternalURL: externalUrl,
    Away: summary.away,
    From: new GoTime(summary.fromMs, timeZone),
    Until: new GoTime(summary.untilMs, timeZone),
    Total: BigInt(alerts.length + summary.omitted),
    StillOn: BigInt(stillOn),
    Listed: listed,
    NotListed: BigInt(alerts.length + summary.omitted - listed.length),
  };
}

function rowOf(alert: PastAlert, nowMs: number, timeZone: string) {
  const { labels, annotations, activeAtMs, firedAtMs, endedAtMs } = alert;
  const others = labels.pairs.filter(([name]) => !SHOWN_LABELS.includes(name));
  return {
    Status: endedAtMs === undefined ? "firing" : "resolved",
    Labels: new KeyValues(labels.pairs),
    Annotations: new KeyValues(annotations.pairs),
    StartsAt: new GoTime(firedAtMs, timeZone),
    EndsAt: endedAtMs === undefined ? new GoTime(ZERO_TIME_MS) : new GoTime(endedAtMs, timeZone),
    GeneratorURL: alert.generatorUrl,
    Fingerprint: fingerprintOf(labels),
    OtherLabels: new KeyValues(others),
    ActiveAt: new GoTime(activeAtMs, timeZone),
    Lasted: spanText((endedAtMs ?? nowMs) - activeAtMs),
    Times: BigInt(alert.times),
    Worst: annotations.get("value") || numberText(alert.worst),
  };
}

/** Ratios are shown as decimals; `humanize` would write 0.96 as `960m`. */
const numberText = (value: number): string =>
  Math.abs(value) < 1000 && Math.abs(value) > 0.001
    ? String(Number(value.toPrecision(4)))
    : humanize(value);

/** Shows the two largest units: `2h 5m`, `3d 4h`. */
function spanText(spanMs: number): string {
  const parts = humanizeDuration(Math.round(spanMs / 1000)).split(" ");
  return parts
    .slice(0, 2)
    .filter((part, index) => index === 0 || !/^0\D/.test(part))
    .join(" ");
}
