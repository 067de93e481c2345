import type { Clock } from "../../../exporter/shared/platform/clock.js";
import type { HistoryEntry } from "../../rule-engine/evaluation/alert-history.js";
import { dataResponse, type Route } from "../http/route.js";

const DEFAULT_LIMIT = 1000;

export interface AlertHistoryRouteParts {
  readonly clock: Clock;
  /** Newest first. */
  readonly list: (wanted: {
    fromMs: number;
    untilMs: number;
    limit: number;
  }) => readonly HistoryEntry[];
}

/** Which alerts have fired, live and in times that were filled later. */
export function alertHistoryRoutes({ clock, list }: AlertHistoryRouteParts): Route[] {
  return [
    {
      methods: ["GET"],
      path: "/api/v1/alerts/history",
      handle: async ({ parameters }) => {
        const fromMs = parameters.timeMs("start", 0);
        const untilMs = parameters.timeMs("end", clock.wallMs() + 1);
        const limit = parameters.limit() || DEFAULT_LIMIT;
        return dataResponse({ alerts: list({ fromMs, untilMs, limit }).map(showEntry) });
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

const isoTime = (timeMs: number): string => new Date(timeMs).toISOString();
