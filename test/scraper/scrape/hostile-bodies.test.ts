import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { sendHttp } from "../../../exporter/shared/platform/http/http-client.js";
import { silentLogger } from "../../../exporter/shared/platform/logger.js";
import { DEFAULT_POOL_SETTINGS, ScrapeManager } from "../../../scraper/scrape/scrape-manager.js";
import type { ScrapeOutcome } from "../../../scraper/scrape/target-scraper.js";
import { FakeClock } from "../../support/fake-clock.js";
import { type LoopbackServer, serveRaw, serveHttp } from "../../support/loopback-servers.js";
import { MemorySampleWriter, showSamples } from "./memory-sample-writer.js";
import { settings, target } from "./scrape-fixture.js";

const BODY_LIMIT = 100_000;
/** For answers that come: as long as a busy machine may need. */
const GENEROUS_TIMEOUT_MS = 120_000;
/** For answers that do not come. */
const SHORT_TIMEOUT_MS = 200;
const GZIP = { "Content-Encoding": "gzip" };
const TEXT = "text/plain; version=0.0.4";

type Answer = (response: ServerResponse) => void;
const reply = (body: string | Buffer, contentType = TEXT, headers = {}): Answer => {
  return (response) =>
    void response.writeHead(200, { "Content-Type": contentType, ...headers }).end(body);
};

/** Writes pieces for as long as the peer listens. */
const endless =
  (piece: string): Answer =>
  (response) => {
    const more = (): void => {
      while (!response.destroyed && response.write(piece));
    };
    response.on("drain", more);
    more();
  };

const drip: Answer = (response) => {
  const timer = setInterval(() => response.write("a"), 20);
  response.on("close", () => clearInterval(timer));
};

const HTTP_CASES: readonly {
  readonly name: string;
  readonly answer: Answer;
  readonly error: RegExp | "";
  readonly timeoutMs?: number;
}[] = [
  {
    name: "rubbish",
    answer: reply("!%&/()= rubbish\n"),
    error: /line 1, byte 1: found "!%&\/\(\)= rubbish", it must be a metric name/,
  },
  { name: "binary", answer: reply(Buffer.from([0, 1, 2, 255, 254, 10])), error: /line 1, byte 1/ },
  {
    name: "a web page",
    answer: reply("<html></html>", "text/html"),
    error: /content type is "text\/html"/,
  },
  {
    name: "protobuf",
    answer: reply("\n", "application/vnd.google.protobuf"),
    error: /must be text or OpenMetrics text/,
  },
  {
    name: "metrics under a wrong type",
    answer: reply("a 1\n", "application/octet-stream"),
    error: "",
  },
  { name: "metrics under no type", answer: (response) => void response.end("a 1\n"), error: "" },
  {
    name: "a line that breaks off",
    answer: reply('a 1\nb{x="1'),
    error: /line 2, byte 5: found .*, it must be text that ends with a double quote/,
  },
  {
    name: "OpenMetrics that breaks off",
    answer: reply("a 1\n", "application/openmetrics-text"),
    error: /line 2, byte 1: found the end of the body, it must be "# EOF"/,
  },
  {
    name: "a label value that is not UTF-8",
    answer: reply(Buffer.from([97, 123, 98, 61, 34, 255, 34, 125, 32, 49, 10])),
    error: /not UTF-8/,
  },
  {
    name: "a label given twice",
    answer: reply('a{x="1",x="2"} 1\n'),
    error: /label name "x" is given twice/,
  },
  {
    name: "more labels than any sample has",
    answer: reply(`a{${Array.from({ length: 600 }, (_, index) => `l${index}="x"`).join()}} 1\n`),
    error: /at most 512 labels/,
  },
  {
    name: "a body beyond the limit",
    answer: reply("a 1\n".repeat(BODY_LIMIT)),
    error: /body size limit exceeded \(limit: 100000 bytes\)/,
  },
  {
    name: "a gzip bomb",
    answer: reply(gzipSync(Buffer.alloc(50_000_000, "a 1\n")), TEXT, GZIP),
    error: /body size limit exceeded/,
  },
  { name: "gzip that is none", answer: reply("a 1\n", TEXT, GZIP), error: /Cannot fetch/ },
  {
    name: "a body without end",
    answer: endless("a_metric_without_end 1\n"),
    error: /body size limit exceeded/,
  },
  {
    name: "a line without end",
    answer: endless("x".repeat(100)),
    error: /body size limit exceeded/,
  },
  {
    name: "a body byte by byte",
    answer: drip,
    error: /no complete response within 200ms/,
    timeoutMs: SHORT_TIMEOUT_MS,
  },
  {
    name: "no answer at all",
    answer: () => undefined,
    error: /no complete response within 200ms/,
    timeoutMs: SHORT_TIMEOUT_MS,
  },
  {
    name: "an error of the server",
    answer: (response) => void response.writeHead(503).end("later"),
    error: /HTTP status 503/,
  },
  {
    name: "a redirect on the same host that never ends",
    answer: (response) => void response.writeHead(302, { Location: "/metrics" }).end(),
    error: /at most 3 are followed/,
  },
  {
    name: "a redirect to another host",
    answer: (response) => void response.writeHead(302, { Location: "http://127.0.0.2/x" }).end(),
    error: /must lead to the same host/,
  },
  {
    name: "a redirect to a file",
    answer: (response) => void response.writeHead(302, { Location: "file:///etc/passwd" }).end(),
    error: /must lead to the same host/,
  },
];

const HEAD = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n";
const RAW_CASES: readonly {
  readonly name: string;
  readonly send: (socket: Socket) => void;
  readonly error: RegExp | "";
}[] = [
  {
    name: "a connection cut in the middle of the body",
    send: (socket) => socket.end(`${HEAD}Content-Length: 100\r\n\r\na 1\nb`),
    error: /Cannot fetch/,
  },
  {
    name: "a connection cut in a chunk",
    send: (socket) => socket.end(`${HEAD}Transfer-Encoding: chunked\r\n\r\n20\r\na 1\n`),
    error: /Cannot fetch/,
  },
  {
    name: "a body that ends with the connection",
    send: (socket) => socket.end(`${HEAD}Connection: close\r\n\r\na 1\n`),
    error: "",
  },
  {
    name: "a connection reset at once",
    send: (socket) => socket.resetAndDestroy(),
    error: /Cannot fetch/,
  },
  {
    name: "something that is not HTTP",
    send: (socket) => socket.end("SSH-2.0-OpenSSH_9.2\r\n"),
    error: /Cannot fetch/,
  },
];

/** Real requests at the times of a clock that stands still: only the answer decides what happens. */
async function scrapeOnce(
  server: LoopbackServer,
  timeoutMs = GENEROUS_TIMEOUT_MS,
): Promise<{ outcome: ScrapeOutcome; rows: string[][] }> {
  const writer = new MemorySampleWriter();
  const clock = new FakeClock();
  let take = (outcome: ScrapeOutcome): void => void outcome;
  const done = new Promise<ScrapeOutcome>((resolve) => (take = resolve));
  const manager = new ScrapeManager({
    writer,
    clock,
    sendHttp,
    log: silentLogger,
    version: "1",
    pools: DEFAULT_POOL_SETTINGS,
    onScrapeStored: (_, outcome) => take(outcome),
  });
  manager.start();
  const scrape = settings({ intervalMs: 1000, timeoutMs, bodySizeLimitBytes: BODY_LIMIT });
  manager.sync([target(server.host, scrape, server.port)]);
  await clock.advance(1000);
  const outcome = await done;
  await manager.stop();
  await server.close();
  return { outcome, rows: writer.table().rows.map(showSamples) };
}

function check(
  error: RegExp | "",
  { outcome, rows }: Awaited<ReturnType<typeof scrapeOnce>>,
): void {
  if (error === "") {
    assert.equal(outcome.error, "");
    assert.deepEqual(rows, [["up 1", "a 1"]]);
    return;
  }
  assert.match(outcome.error, error);
  assert.deepEqual(rows, [["up 0"]]);
}

for (const { name, answer, error, timeoutMs } of HTTP_CASES) {
  test(`A target answers with ${name}: ${error === "" ? "its samples are stored" : "its scrape fails and says why"}`, async () => {
    const server = await serveHttp((_, response) => answer(response));
    check(error, await scrapeOnce(server, timeoutMs));
  });
}

for (const { name, send, error } of RAW_CASES) {
  test(`A target answers with ${name}: ${error === "" ? "its samples are stored" : "its scrape fails"}`, async () => {
    const server = await serveRaw((socket) => socket.once("data", () => send(socket)));
    check(error, await scrapeOnce(server));
  });
}
