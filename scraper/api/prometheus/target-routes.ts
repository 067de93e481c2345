import { formatDurationMs } from "../../../exporter/shared/model/duration.js";
import type { Labels } from "../../../exporter/shared/model/labels.js";
import type { Target, TargetHealth } from "../../fleet/target.js";
import { createLabelMatcher, type LabelMatcher } from "../../storage/model/label-matcher.js";
import { type MetadataRouteParts, type MetricMetadata, readSelector } from "./metadata-routes.js";
import { type ApiResponse, type ApiRequest, dataResponse, type Route } from "../http/route.js";

export interface TargetRouteParts {
  readonly activeTargets: () => readonly {
    readonly target: Target;
    readonly health: TargetHealth;
  }[];
  /** Targets that relabelling dropped, with their labels before relabelling; discovery bounds their number. */
  readonly droppedTargets: () => readonly {
    readonly discoveredLabels: Labels;
    readonly jobName: string;
  }[];
  readonly targetMetadata: (targetId: string) => readonly MetricMetadata[];
  readonly parseSelector: MetadataRouteParts["parseSelector"];
}

/** Go's zero time, which Prometheus shows for a target that was never scraped. */
const NEVER = "0001-01-01T00:00:00Z";

/** `/api/v1/targets`, `/api/v1/targets/metadata` and `/api/v1/scrape_pools`. */
export function targetRoutes(parts: TargetRouteParts): Route[] {
  const methods = ["GET"] as const;
  return [
    { methods, path: "/api/v1/targets", handle: (request) => answerTargets(parts, request) },
    {
      methods,
      path: "/api/v1/targets/metadata",
      handle: (request) => answerTargetMetadata(parts, request),
    },
    { methods, path: "/api/v1/scrape_pools", handle: () => answerScrapePools(parts) },
  ];
}

async function answerTargets(
  parts: TargetRouteParts,
  { parameters }: ApiRequest,
): Promise<ApiResponse> {
  const state = parameters.text("state").toLowerCase();
  const job = parameters.text("scrapePool");
  const isWanted = (jobName: string): boolean => job === "" || job === jobName;
  const active = state === "dropped" ? [] : parts.activeTargets();
  const dropped = state === "active" ? [] : parts.droppedTargets();
  return dataResponse({
    // Each is made when it is sent: there may be many thousands.
    activeTargets: (function* () {
      for (const { target, health } of active)
        if (isWanted(target.settings.jobName)) yield renderTarget(target, health);
    })(),
    droppedTargets: (function* () {
      for (const { discoveredLabels, jobName } of dropped) {
        if (isWanted(jobName))
          yield { discoveredLabels: discoveredLabels.toObject(), scrapePool: jobName };
      }
    })(),
    droppedTargetCounts: countByJob(parts.droppedTargets()),
  });
}

function renderTarget(target: Target, health: TargetHealth): object {
  const { settings } = target;
  return {
    discoveredLabels: target.discoveredLabels.toObject(),
    labels: target.labels.toObject(),
    scrapePool: settings.jobName,
    scrapeUrl: target.url,
    globalUrl: target.url,
    lastError: health.lastError,
    lastScrape:
      health.lastScrapeMs === undefined ? NEVER : new Date(health.lastScrapeMs).toISOString(),
    lastScrapeDuration: health.lastScrapeDurationSeconds,
    health: health.health,
    scrapeInterval: formatDurationMs(settings.intervalMs),
    scrapeTimeout: formatDurationMs(settings.timeoutMs),
    // Not in Prometheus: the scrape pool, 0 to 4, or "slow" for the slow lane.
    pihealthPool: health.pool,
  };
}

function countByJob(dropped: readonly { readonly jobName: string }[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { jobName } of dropped) counts[jobName] = (counts[jobName] ?? 0) + 1;
  return counts;
}

async function answerScrapePools(parts: TargetRouteParts): Promise<ApiResponse> {
  const names = new Set(parts.activeTargets().map(({ target }) => target.settings.jobName));
  return dataResponse({ scrapePools: [...names].sort() });
}

const asTargetParameter = (problem: string): string =>
  `invalid parameter "match_target": ${problem}`;

async function answerTargetMetadata(
  parts: TargetRouteParts,
  { parameters }: ApiRequest,
): Promise<ApiResponse> {
  const selector = parameters.text("match_target");
  const matchers: readonly LabelMatcher[] =
    selector === ""
      ? [createLabelMatcher("job", "!=", "")]
      : readSelector(parts.parseSelector, selector, asTargetParameter);
  const metric = parameters.text("metric");
  const limit =
    parameters.wholeNumber("limit") <= 0
      ? Number.POSITIVE_INFINITY
      : parameters.wholeNumber("limit");
  const targets = parts.activeTargets();
  return dataResponse(
    (function* () {
      let left = limit;
      for (const { target } of targets) {
        yield undefined; // A pause: the target may have nothing that is wanted.
        if (!matchers.every((matcher) => matcher.matches(target.labels.get(matcher.name))))
          continue;
        for (const metadata of parts.targetMetadata(target.id)) {
          if (metric !== "" && metric !== metadata.metric) continue;
          if (left-- <= 0) return;
          yield { target: target.labels.toObject(), ...metadata };
        }
      }
    })(),
  );
}
