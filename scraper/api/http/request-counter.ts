import { counter, type MetricsSource, type Sample } from "../../../exporter/shared/model/metric.js";

export const HTTP_METRICS = {
  requests: counter({
    name: "pihealth_http_requests_total",
    help: "HTTP requests answered, by route and status code.",
    labels: ["handler", "code"],
  }),
  requestSeconds: counter({
    name: "pihealth_http_request_seconds_total",
    help: "Total duration of HTTP requests, by route and status code, in seconds.",
    labels: ["handler", "code"],
  }),
};

interface Count {
  readonly path: string;
  readonly status: number;
  requests: number;
  seconds: number;
}

/** Counts requests by route and status. The number of routes bounds the number of counters. */
export class RequestCounter implements MetricsSource {
  readonly metrics = Object.values(HTTP_METRICS);
  private readonly counts = new Map<string, Count>();

  /** @param path of the route, not of the request */
  add(path: string, status: number, durationMs: number): void {
    const key = `${status} ${path}`;
    const count = this.counts.get(key) ?? { path, status, requests: 0, seconds: 0 };
    count.requests++;
    count.seconds += durationMs / 1000;
    this.counts.set(key, count);
  }

  readMetrics(): Sample[] {
    return [...this.counts.values()].flatMap(({ path, status, requests, seconds }) => {
      const labels = { handler: path, code: String(status) };
      return [
        HTTP_METRICS.requests.sample(requests, labels),
        HTTP_METRICS.requestSeconds.sample(seconds, labels),
      ];
    });
  }
}
