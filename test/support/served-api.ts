import { type Clock, systemClock } from "../../exporter/shared/platform/clock.js";
import { type HttpServer, listenHttp } from "../../exporter/shared/platform/http/http-server.js";
import { silentLogger } from "../../exporter/shared/platform/logger.js";
import { Labels } from "../../exporter/shared/model/labels.js";
import { createApiHandler } from "../../scraper/api/http/api-handler.js";
import {
  prometheusRoutes,
  type PrometheusRouteParts,
} from "../../scraper/api/prometheus/prometheus-routes.js";
import { statusRoutes } from "../../scraper/api/prometheus/status-routes.js";
import { parseSelector } from "../../scraper/promql/language/parser.js";
import { QueryEngine } from "../../scraper/promql/query/query-engine.js";
import type { QuerySettings } from "../../scraper/promql/query/query-settings.js";
import type { Querier } from "../../scraper/storage/model/querier.js";

export interface ServedApiOptions {
  readonly querier: Querier;
  readonly clock?: Clock;
  readonly settings?: Partial<QuerySettings>;
  /** Further data for the routes; empty by default. */
  readonly parts?: Partial<PrometheusRouteParts>;
}

/** Serves our Prometheus API on loopback over any querier. */
export async function serveApi({
  querier,
  clock = systemClock,
  settings = {},
  parts = {},
}: ServedApiOptions): Promise<HttpServer & { readonly url: string }> {
  const queries = new QueryEngine({ querier, clock, settings });
  const routes = prometheusRoutes({
    clock,
    queries,
    querier,
    admission: queries.admission,
    queryTimeoutMs: queries.settings.timeoutMs,
    parseExpression: (text) => queries.parse(text),
    maxPointsPerSeries: queries.settings.maxPointsPerSeries,
    lookbackMs: queries.settings.lookbackMs,
    parseSelector: (text) => parseSelector(text).matchers,
    metadata: () => Promise.resolve(new Map()),
    externalLabels: () => Labels.EMPTY,
    activeTargets: () => [],
    droppedTargets: () => [],
    targetMetadata: () => [],
    ruleGroups: () => [],
    alerts: () => [],
    alertmanagerUrls: () => [],
    droppedAlertmanagerUrls: () => [],
    ...parts,
  });
  const handler = createApiHandler({
    routes: [...routes, ...statusRoutes(statusParts(clock))],
    hasFleetToken: () => false,
    log: silentLogger,
    countRequest: () => undefined,
    clock,
  });
  const server = await listenHttp(handler, { host: "127.0.0.1", port: 0, maxConnections: 100 });
  return { ...server, url: `http://127.0.0.1:${server.port}` };
}

function statusParts(clock: Clock): Parameters<typeof statusRoutes>[0] {
  return {
    clock,
    startedMs: 0,
    version: "0.0.0",
    nodeVersion: process.version,
    workingFolder: "/",
    storageRetention: "15d",
    isReady: () => true,
    renderConfig: () => "",
    flags: {},
    storageStatus: () => Promise.resolve({}),
    lastReload: () => ({ atMs: 0, succeeded: true }),
    readMetrics: () => Promise.resolve([]),
    reload: async () => undefined,
  };
}
