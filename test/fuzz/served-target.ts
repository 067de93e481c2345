import assert from "node:assert/strict";
import { connect } from "node:net";
import { Labels } from "../../exporter/shared/model/labels.js";
import { MemoryQuerier } from "../support/memory-querier.js";
import { serveApi } from "../support/served-api.js";
import type { FuzzTarget } from "./fuzz-target.js";

const get = (target: string, headers = ""): string =>
  `GET ${target} HTTP/1.1\r\nHost: h\r\n${headers}Connection: close\r\n\r\n`;
const post = (target: string, type: string, body: string): string =>
  `POST ${target} HTTP/1.1\r\nHost: h\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`;
const FORM = "application/x-www-form-urlencoded";

const REQUESTS = [
  get("/api/v1/query?query=up&time=60"),
  get("/api/v1/query_range?query=rate(up%5B1m%5D)&start=0&end=60&step=15s"),
  get("/api/v1/series?match[]=%7Bjob%3D%22a%22%7D&limit=5", "Accept-Encoding: gzip;q=0.5, *\r\n"),
  get("/api/v1/labels?start=1970-01-01T00:00:00Z&end=60"),
  get("/api/v1/label/job/values?match[]=up"),
  get("/api/v1/label/U__a_2e_b/values"),
  get("/api/v1/metadata?limit=1&metric=up"),
  get("/api/v1/targets?state=active"),
  get("/api/v1/rules?type=alert&rule_name[]=A&file[]=f"),
  get("/api/v1/status/tsdb?limit=3"),
  get("/api/v1/format_query?query=sum(up)by(job)"),
  get("/api/v1/parse_query?query=up+offset+5m"),
  get("/federate?match[]=up"),
  post("/api/v1/query", FORM, "query=sum(up)&time=60&timeout=1s&lookback_delta=1m&stats=all"),
  post("/api/v1/query_exemplars", FORM, "query=up&start=0&end=60"),
];

/**
 * The Prometheus API over a real connection. Whatever is sent, the server answers without an internal
 * error, shows no stack trace and closes the connection.
 */
export async function servedTarget(): Promise<FuzzTarget> {
  const querier = new MemoryQuerier();
  for (const job of ["a", "b"])
    querier.add(Labels.of({ __name__: "up", job }), [1, 0, 1, 1, 1], { stepMs: 15_000 });
  const server = await serveApi({ querier, settings: { maxSamples: 100_000 } });
  return {
    name: "requests to the API",
    seeds: REQUESTS.map((text) => Buffer.from(text)),
    tokens: [
      "%",
      "%2",
      "%ff",
      "%00",
      "..%2f",
      "//",
      "?",
      "&",
      "match[]=",
      "time=",
      "step=0",
      "query=",
      "Content-Length: 5\r\n",
      "Transfer-Encoding: chunked\r\n",
      "Expect: 100-continue\r\n",
      "Content-Encoding: gzip\r\n",
      "HTTP/2",
      "\r\n",
    ],
    run: async (input) => {
      const answer = await exchange(server.port, input);
      assert.doesNotMatch(answer, /^HTTP\/1\.1 500/, "internal error");
      assert.doesNotMatch(answer, /\n\s+at |node:internal|\.js:\d+/, "stack trace");
    },
    close: () => server.stop(0),
  };
}

/**
 * Sends the bytes and no more.
 *
 * @returns everything the server sent until it closed the connection
 */
function exchange(port: number, bytes: Buffer): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    const socket = connect({ port, host: "127.0.0.1" }, () => socket.end(bytes));
    socket.on("data", (chunk) => (text += chunk.toString("latin1")));
    // A reset ends the exchange like a close: the server refused the rest of the request.
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(text));
  });
}
