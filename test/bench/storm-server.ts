/**
 * The targets of `npm run bench -- storms`, in a process of their own.
 *
 * Usage: node storm-server.js PORT. Prints `ready` when it listens.
 *
 *   /series?n=N   N series whose values change
 *   /new?n=N      N series with new names in each response
 *   /helps?n=N&i=I  N metrics with a help text of their own, one series each
 *   /flap?n=N     N series that are 0 and 1 by turns, each for a second
 *   /big?n=N      N series, always the same; gzip if the client takes it
 *   /small?i=I    one series; requests are counted for each user agent
 *   /small-counts the longest time between two requests of /small and their number, by user agent
 */
import http from "node:http";
import { gzipSync } from "node:zlib";

interface SmallCount {
  readonly atMs: Map<string, number>;
  requests: number;
  longestGapMs: number;
}

const counts = new Map<string, SmallCount>();
const bigBodies = new Map<number, { plain: Buffer; gzip: Buffer }>();
let generation = 0;

function linesOf(count: number, line: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => line(index)).join("");
}

function bigBody(count: number): { plain: Buffer; gzip: Buffer } {
  const known = bigBodies.get(count);
  if (known !== undefined) return known;
  const lines = linesOf(count, (index) => `big_metric{i="${index}"} ${index % 1000}\n`);
  const plain = Buffer.from(`# TYPE big_metric gauge\n${lines}`);
  const body = { plain, gzip: gzipSync(plain) };
  bigBodies.set(count, body);
  return body;
}

function noteSmall(agent: string, target: string): void {
  const nowMs = performance.now();
  const count = counts.get(agent) ?? { atMs: new Map(), requests: 0, longestGapMs: 0 };
  counts.set(agent, count);
  const gapMs = nowMs - (count.atMs.get(target) ?? nowMs);
  count.longestGapMs = Math.max(count.longestGapMs, gapMs);
  count.atMs.set(target, nowMs);
  count.requests++;
}

function bodyOf(url: URL, agent: string): string {
  const count = Number(url.searchParams.get("n"));
  const seconds = Math.floor(Date.now() / 1000);
  switch (url.pathname) {
    case "/series":
      return linesOf(
        count,
        (index) => `m_${index % 50}{i="${index}"} ${(seconds % 1000) + index}\n`,
      );
    case "/flap":
      return linesOf(count, (index) => `flap{i="${index}"} ${seconds % 2}\n`);
    case "/new":
      generation++;
      return linesOf(
        count,
        (index) => `new_${index % 100}{pod="p${index}-${generation}"} ${index + generation}\n`,
      );
    case "/helps": {
      const names = `doc_${url.searchParams.get("i") ?? ""}`;
      return linesOf(
        count,
        (index) =>
          `# HELP ${names}_${index} Number ${index} of many.\n# TYPE ${names}_${index} gauge\n${names}_${index} ${index}\n`,
      );
    }
    case "/small":
      noteSmall(agent, url.search);
      return "small 1\n";
    case "/small-counts": {
      const facts = [...counts].map(([name, { requests, longestGapMs }]) => [
        name,
        { requests, longestGapMs },
      ]);
      counts.clear();
      return JSON.stringify(Object.fromEntries(facts));
    }
    default:
      return "";
  }
}

const server = http.createServer((request, response) => {
  const url = new URL(request.url ?? "/", "http://storm");
  response.setHeader("content-type", "text/plain; version=0.0.4");
  if (url.pathname !== "/big") {
    response.end(bodyOf(url, request.headers["user-agent"] ?? ""));
    return;
  }
  const { plain, gzip } = bigBody(Number(url.searchParams.get("n")));
  const isGzip = (request.headers["accept-encoding"] ?? "").includes("gzip");
  if (isGzip) response.setHeader("content-encoding", "gzip");
  response.end(isGzip ? gzip : plain);
});
server.keepAliveTimeout = 120_000;
server.listen(Number(process.argv[2]), "127.0.0.1", () => console.log("ready"));
