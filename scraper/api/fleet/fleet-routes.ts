import {
  decodeHeartbeat,
  encodeHeartbeatReply,
  HEARTBEAT_PATH,
  MAX_HEARTBEAT_BYTES,
} from "../../../exporter/shared/protocol/heartbeat.js";
import type { Clock } from "../../../exporter/shared/platform/clock.js";
import type { Fleet, HeartbeatRefusal } from "../../fleet/fleet.js";
import { ApiError, type ApiErrorType } from "../http/api-errors.js";
import { type ApiRequest, type ApiResponse, dataResponse, type Route } from "../http/route.js";

export interface FleetRouteParts {
  readonly fleet: Fleet;
  readonly clock: Clock;
  /** Scrape pool of the exporter at this address and port; undefined when it is not scraped. */
  readonly poolOf: (address: string, port: number) => number | "slow" | undefined;
  /** Samples of this exporter before this time are stored durably; 0 when none are known to be. */
  readonly durableUntilMs: (address: string, port: number) => number;
}

const ERROR_OF: Readonly<Record<HeartbeatRefusal, ApiErrorType>> = {
  rate_limited: "too_many",
  address_not_allowed: "forbidden",
  duplicate_node: "forbidden",
  fleet_full: "unavailable",
};

/** `/api/v1/heartbeat`, and `/api/v1/sd`: the known exporters in the form of `http_sd_configs`. */
export function fleetRoutes(parts: FleetRouteParts): Route[] {
  return [
    {
      methods: ["POST"],
      path: HEARTBEAT_PATH,
      needsToken: true,
      handle: (request) => takeHeartbeat(parts, request),
    },
    {
      methods: ["GET"],
      path: "/api/v1/sd",
      handle: async () => ({ kind: "json", status: 200, value: parts.fleet.listing() }),
    },
    {
      methods: ["GET"],
      path: "/api/v1/clones",
      handle: async () => dataResponse({ clones: parts.fleet.clonedHosts() }),
    },
  ];
}

async function takeHeartbeat(
  parts: FleetRouteParts,
  { body, remoteAddress }: ApiRequest,
): Promise<ApiResponse> {
  if (body.length > MAX_HEARTBEAT_BYTES) {
    throw new ApiError("too_large", `a heartbeat must be at most ${MAX_HEARTBEAT_BYTES} bytes`);
  }
  const heartbeat = decodeHeartbeat(body.toString("utf8"));
  const outcome = parts.fleet.receiveHeartbeat(heartbeat, remoteAddress, parts.clock.wallMs());
  if (!outcome.accepted) throw new ApiError(ERROR_OF[outcome.refusal], outcome.message);
  const { address, port } = outcome.host;
  const pool = parts.poolOf(address, port);
  const reply = encodeHeartbeatReply({
    known: outcome.known,
    pool: typeof pool === "number" ? pool : null,
    durableUntilMs: parts.durableUntilMs(address, port),
  });
  return { kind: "text", status: 200, contentType: "application/json", body: reply };
}
