import { counter, gauge, type MetricsSource } from "../../model/metric.js";
import type { HttpServer } from "./http-server.js";

export const CONNECTION_METRICS = {
  open: gauge({
    name: "pihealth_http_connections",
    help: "Connections to the HTTP server that are open.",
  }),
  closed: counter({
    name: "pihealth_http_connections_closed_total",
    help: "Connections that the HTTP server closed or refused because of a limit, by reason: address_limit, connection_limit or slow_reader.",
    labels: ["reason"],
  }),
};

/** Reports the connections of an HTTP server. */
export function createConnectionMetrics(server: HttpServer): MetricsSource {
  return {
    metrics: Object.values(CONNECTION_METRICS),
    readMetrics: () => [
      CONNECTION_METRICS.open.sample(server.openConnections()),
      ...Object.entries(server.closedConnections()).map(([reason, count]) =>
        CONNECTION_METRICS.closed.sample(count, { reason }),
      ),
    ],
  };
}
