/** `/metrics`, `/-/healthy`, `/-/ready` and the landing page. */
import type { Exposition } from "../exposition/exposition.js";
import { CONTENT_TYPES } from "../exposition/metric-text.js";
import { negotiateFormat } from "../exposition/negotiation.js";
import { prefersGzip } from "../shared/platform/http/accept-encoding.js";
import { landingPage } from "./landing-page.js";
import { NODE_ID_HEADER } from "../shared/protocol/heartbeat.js";
import {
  textResponse,
  withHeaders,
  type RouteRequest,
  type RouteResponse,
  type Route,
} from "./route.js";

interface ExporterRoutesParts {
  readonly exposition: Exposition;
  readonly hostname: string;
  readonly nodeId: string;
  readonly version: string;
  /** True once every collector has run. */
  readonly isReady: () => boolean;
}

export function createExporterRoutes({
  exposition,
  hostname,
  nodeId,
  version,
  isReady,
}: ExporterRoutesParts): Route[] {
  return [
    { path: "/metrics", handle: (request) => answerMetrics(exposition, request) },
    {
      path: "/-/healthy",
      isOpen: true,
      handle: () => withHeaders(textResponse(200, "Healthy"), { [NODE_ID_HEADER]: nodeId }),
    },
    {
      path: "/-/ready",
      isOpen: true,
      handle: () =>
        isReady()
          ? textResponse(200, "Ready")
          : textResponse(503, "Not ready: the first sampling is running"),
    },
    { path: "/", handle: () => landingPage({ hostname, version }) },
  ];
}

async function answerMetrics(
  exposition: Exposition,
  { headers }: RouteRequest,
): Promise<RouteResponse> {
  const format = negotiateFormat(headers["accept"]);
  const encoding = prefersGzip(headers["accept-encoding"]) ? "gzip" : "identity";
  return {
    status: 200,
    headers: {
      "content-type": CONTENT_TYPES[format],
      vary: "Accept, Accept-Encoding",
      ...(encoding === "gzip" ? { "content-encoding": "gzip" } : {}),
    },
    body: await exposition.prepare(format, encoding),
  };
}
