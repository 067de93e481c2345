import { isoTime } from "../../../exporter/shared/model/time-range.js";
import type { Clock } from "../../../exporter/shared/platform/clock.js";
import type { HistoryEntry } from "../../rule-engine/evaluation/alert-history.js";
import { dataResponse, type Route } from "../http/route.js";

const DEFAULT_LIMIT = 1000;

export interface AlertHistoryRouteParts {
  readonly clock: Clock;
  /** Newest first. */
  readonly listHistory: (wanted: {
    fromMs: number;
    untilMs: number;
    limit: number;
  }) => readonly HistoryEntry[];
}

/** `/api/v1/alerts/history`: the alerts that have fired, live or in ranges that were backfilled. */
export function alertHistoryRoutes({ clock, listHistory }: AlertHistoryRouteParts): Route[] {
  return [
    {
      methods: ["GET"],
      path: "/api/v1/alerts/history",
      handle: async ({ parameters }) => {
        const fromMs = parameters.timeMs("start", 0);
        const untilMs = parameters.timeMs("end", clock.wallMs() + 1);
        const limit = parameters.limit() || DEFAULT_LIMIT;
        return dataResponse({ alerts: listHistory({ fromMs, untilMs, limit }).map(showEntry) });
      },
    },
  ];
}

function showEntry(entry: HistoryEntry): Record<string, unknown> {
  const { labels, annotations, activeAtMs, firedAtMs, endedAtMs, times, worst, source } = entry;
  return {
    labels: labels.toObject(),
    annotations: annotations.toObject(),
    activeAt: isoTime(activeAtMs),
    firedAt: isoTime(firedAtMs),
    endedAt: endedAtMs === undefined ? null : isoTime(endedAtMs),
    times,
    worst: worst === undefined ? null : String(worst),
    source,
  };
}
