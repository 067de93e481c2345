import type { Parameters } from "../http/parameters.js";
import { writeExposition } from "../../../exporter/shared/codec/exposition/exposition-writer.js";
import type { Sample } from "../../../exporter/shared/model/metric.js";
import type { Clock } from "../../../exporter/shared/platform/clock.js";
import type { PausePoints } from "../../base/paced-sort.js";
import { ApiError } from "../http/api-errors.js";
import { type ApiResponse, dataResponse, type Route, textResponse } from "../http/route.js";

export interface StatusRouteParts {
  readonly clock: Clock;
  readonly startedMs: number;
  readonly version: string;
  readonly nodeVersion: string;
  readonly workingFolder: string;
  readonly storageRetention: string;
  readonly isReady: () => boolean;
  /** The current configuration as YAML, without secrets. */
  readonly renderConfig: () => string;
  readonly flags: Readonly<Record<string, string>>;
  /** The object of Prometheus' `/api/v1/status/tsdb`, with at most `limit` items in each list. */
  readonly storageStatus: (limit: number, pace: PausePoints) => Promise<unknown>;
  readonly lastReload: () => { readonly atMs: number; readonly succeeded: boolean };
  readonly readMetrics: (pace: PausePoints) => Promise<readonly Sample[]>;
  /**
   * Reads the configuration again.
   *
   * @throws {ConfigError} when the configuration is invalid; then nothing has changed
   */
  readonly reload: () => Promise<void>;
}

/** Grafana derives from it which features it can use. `revision` names this program. */
const SPOKEN_PROMETHEUS_VERSION = "3.5.0";

/** @throws {ApiError} bad_data, with the message of Prometheus */
export function tsdbLimit(parameters: Parameters): number {
  const text = parameters.text("limit");
  if (text === "") return 10;
  const limit = /^\+?\d{1,15}$/.test(text) ? Number(text) : 0;
  if (limit < 1) throw new ApiError("bad_data", "limit must be a positive number");
  return limit;
}

/** `/api/v1/status/*`, `/-/*` and the scraper's own `/metrics`. */
export function statusRoutes(parts: StatusRouteParts): Route[] {
  const methods = ["GET"] as const;
  const data = (path: string, value: () => unknown): Route => ({
    methods,
    path,
    handle: async () => dataResponse(value()),
  });
  return [
    data("/api/v1/status/buildinfo", () => buildInfo(parts)),
    data("/api/v1/status/runtimeinfo", () => runtimeInfo(parts)),
    data("/api/v1/status/config", () => ({ yaml: parts.renderConfig() })),
    data("/api/v1/status/flags", () => parts.flags),
    {
      methods,
      path: "/api/v1/status/tsdb",
      handle: async ({ parameters, pace }) =>
        dataResponse(await parts.storageStatus(tsdbLimit(parameters), pace)),
    },
    // The journal is replayed before the port opens, so the replay is always complete.
    data("/api/v1/status/walreplay", () => ({ min: 0, max: 0, current: 0 })),
    ...["delete_series", "clean_tombstones"].map(disabledAdminRoute),
    { methods, path: "/metrics", handle: ({ pace }) => answerMetrics(parts, pace) },
    {
      methods,
      path: "/-/healthy",
      handle: async () => textResponse("pihealth scraper is healthy.\n"),
    },
    { methods, path: "/-/ready", handle: async () => answerReady(parts) },
    {
      methods: ["POST", "PUT"],
      path: "/-/reload",
      needsToken: true,
      errorStyle: "text",
      handle: () => reload(parts),
    },
  ];
}

/** Has the fields of Prometheus and no others: with a field `application`, Grafana takes the server for Mimir. */
function buildInfo({ version, nodeVersion }: StatusRouteParts): object {
  return {
    version: SPOKEN_PROMETHEUS_VERSION,
    revision: `pihealth-${version}`,
    branch: "",
    buildUser: "",
    buildDate: "",
    goVersion: `node-${nodeVersion}`,
  };
}

/** These routes cannot be enabled. They answer as in a Prometheus whose admin API is disabled. */
function disabledAdminRoute(name: string): Route {
  return {
    methods: ["POST", "PUT"],
    path: `/api/v1/admin/tsdb/${name}`,
    handle: async () => {
      throw new ApiError("unavailable", "admin APIs disabled");
    },
  };
}

function runtimeInfo(parts: StatusRouteParts): object {
  const lastReload = parts.lastReload();
  return {
    startTime: new Date(parts.startedMs).toISOString(),
    CWD: parts.workingFolder,
    reloadConfigSuccess: lastReload.succeeded,
    lastConfigTime: new Date(lastReload.atMs).toISOString(),
    serverTime: new Date(parts.clock.wallMs()).toISOString(),
    storageRetention: parts.storageRetention,
  };
}

async function answerMetrics(parts: StatusRouteParts, pace: PausePoints): Promise<ApiResponse> {
  const body = writeExposition(await parts.readMetrics(pace));
  return {
    kind: "text",
    status: 200,
    contentType: "text/plain; version=0.0.4; charset=utf-8",
    body,
  };
}

function answerReady(parts: StatusRouteParts): ApiResponse {
  if (parts.isReady()) return textResponse("pihealth scraper is ready.\n");
  return textResponse("Service Unavailable\n", 503);
}

async function reload(parts: StatusRouteParts): Promise<ApiResponse> {
  try {
    await parts.reload();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new ApiError("internal", `failed to reload config: ${message}`, { cause: error });
  }
  return textResponse("");
}
