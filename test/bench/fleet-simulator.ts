/**
 * A fleet of simulated Pis in one process: one listener, reached at many loopback addresses, replays recorded bodies of
 * `/metrics`. Target 127.1.0.1 starts at the first body, 127.1.0.2 at the next one, so that they differ as real ones do.
 *
 * Usage: node fleet-simulator.js PORT BODIES-FOLDER-OR-FILE. Prints `ready` when it listens. Every target moves on to its
 * next body at each request.
 */
import { readdirSync, readFileSync } from "node:fs";
import http from "node:http";
import path from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";

export interface RecordedBody {
  readonly identity: Buffer;
  readonly gzip: Buffer;
}

/** Address of simulated target number `index`, from 0: 127.1.0.1, 127.1.0.2, ... */
export function simulatedAddress(index: number): string {
  const host = index + 1;
  return `127.${1 + (host >> 16)}.${(host >> 8) & 255}.${host & 255}`;
}

/** Bodies in the order they were recorded: one gzip file each, or one gzip file split at lines of `# EOB`. */
export function loadBodies(source: string): RecordedBody[] {
  const texts = source.endsWith(".gz")
    ? gunzipSync(readFileSync(source)).toString("utf8").split("# EOB\n").filter((text) => text !== "")
    : readdirSync(source)
        .filter((name) => name.endsWith(".gz"))
        .sort()
        .map((name) => gunzipSync(readFileSync(path.join(source, name))).toString("utf8"));
  return texts.map((text) => ({ identity: Buffer.from(text), gzip: gzipSync(text) }));
}

function serve(port: number, bodies: readonly RecordedBody[]): void {
  const positions = new Map<string, number>();
  const server = http.createServer({ keepAliveTimeout: 120_000 }, (request, response) => {
    const address = request.socket.localAddress ?? "";
    const position = positions.get(address) ?? firstPosition(address, bodies.length);
    positions.set(address, (position + 1) % bodies.length);
    const body = bodies[position] as RecordedBody;
    const compressed = String(request.headers["accept-encoding"] ?? "").includes("gzip");
    const bytes = compressed ? body.gzip : body.identity;
    response.writeHead(200, {
      "Content-Type": "text/plain; version=0.0.4; charset=utf-8",
      "Content-Length": bytes.length,
      ...(compressed ? { "Content-Encoding": "gzip" } : {}),
    });
    response.end(bytes);
  });
  server.listen(port, "0.0.0.0", 65_535, () => console.log("ready"));
}

function firstPosition(address: string, bodyCount: number): number {
  const [, , third = 0, fourth = 0] = address.split(".").map(Number);
  return (third * 256 + fourth) % bodyCount;
}

const [port, source] = process.argv.slice(2);
if (process.argv[1]?.includes("fleet-simulator") === true && port !== undefined && source !== undefined) {
  serve(Number(port), loadBodies(source));
}
