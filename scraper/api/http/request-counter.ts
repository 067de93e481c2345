import type { OwnMetric } from "../../../exporter/shared/model/own-metric.js";

interface Count {
  readonly path: string;
  readonly status: number;
  requests: number;
  seconds: number;
}

/** Counts requests by route and status. The number of routes bounds the number of counters. */
export class RequestCounter {
  private readonly counts = new Map<string, Count>();

  /** @param path of the route, not of the request */
  add(path: string, status: number, durationMs: number): void {
    const key = `${status} ${path}`;
    const count = this.counts.get(key) ?? { path, status, requests: 0, seconds: 0 };
    count.requests++;
    count.seconds += durationMs / 1000;
    this.counts.set(key, count);
  }

  metrics(): OwnMetric[] {
    return [...this.counts.values()].flatMap(({ path, status, requests, seconds }) => {
      const labels = { handler: path, code: String(status) };
      const counter = (name: string, help: string, value: number): OwnMetric => ({
        name,
        help,
        type: "counter",
        labels,
        value,
      });
      return [
        counter(
          "pihealth_http_requests_total",
          "Requests answered, by route and status.",
          requests,
        ),
        counter(
          "pihealth_http_request_seconds_total",
          "Time spent answering requests, by route and status.",
          seconds,
        ),
      ];
    });
  }
}
