/**
 * Many Pis in one process, each with an address in 127.1.0.0/16: `/metrics`, a prepared history of
 * a day, and heartbeats.
 *
 * Usage: node history-server.js PORT COUNT TOKEN MASTER-URL
 */
import { createServer, request, type IncomingMessage, type ServerResponse } from "node:http";
import { encodeHeartbeat } from "../../exporter/shared/protocol/heartbeat.js";
import { encodeHistoryList } from "../../exporter/shared/protocol/history.js";
import { SIMULATED_BOOT, simulateDay, simulatedBody } from "./simulated-history.js";

const DAY_MS = 86_400_000;
const BEAT_MS = 30_000;

const [portText = "", countText = "", token = "", master = ""] = process.argv.slice(2);
const port = Number(portText);
const bootMs = Math.floor(Date.now() / 1000) * 1000 - DAY_MS;
const segments = simulateDay(bootMs);

const addressOf = (index: number): string =>
  `127.1.${Math.floor(index / 250)}.${1 + (index % 250)}`;
const nodeIdOf = (address: string): string => Buffer.from(address.padEnd(16, "-")).toString("hex");

function answer(question: IncomingMessage, response: ServerResponse): void {
  const address = question.socket.localAddress ?? "";
  if (question.url === "/metrics") {
    response.end(simulatedBody(Date.now(), bootMs));
    return;
  }
  if (question.url === "/history") {
    const clocks = { wallMs: Date.now(), monotonicMs: Date.now() - bootMs };
    const listings = segments.map(({ listing }) => listing);
    response.end(
      encodeHistoryList({
        nodeId: nodeIdOf(address),
        bootId: SIMULATED_BOOT,
        ...clocks,
        segments: listings,
      }),
    );
    return;
  }
  const found = segments.find(({ listing }) => question.url?.endsWith(listing.name) === true);
  const [, from = "0", to = "0"] = /bytes=(\d+)-(\d+)/.exec(question.headers.range ?? "") ?? [];
  if (found === undefined) {
    response.writeHead(404).end();
    return;
  }
  const body = found.bytes.subarray(Number(from), Number(to) + 1);
  response.writeHead(206, {
    "content-range": `bytes ${from}-${to}/${found.bytes.length}`,
    "content-length": body.length,
  });
  response.end(body);
}

function beat(address: string): void {
  const now = Date.now();
  const body = encodeHeartbeat({
    nodeId: nodeIdOf(address),
    hostname: "simulated",
    port,
    bootId: SIMULATED_BOOT,
    wallMs: now,
    monotonicMs: now - bootMs,
    history: {
      fromMs: bootMs,
      untilMs: now,
      sizeBytes: segments.reduce((sum, { bytes }) => sum + bytes.length, 0),
    },
  });
  const headers = {
    "content-type": "application/json",
    authorization: `Bearer ${token}`,
    "content-length": Buffer.byteLength(body),
  };
  const sent = request(
    `${master}/api/v1/heartbeat`,
    { method: "POST", headers, localAddress: address },
    (reply) => reply.resume(),
  );
  sent.on("error", () => undefined); // The next one follows in half a minute.
  sent.end(body);
}

const addresses = Array.from({ length: Number(countText) }, (_, index) => addressOf(index));
createServer(answer).listen(port, "0.0.0.0", () => {
  console.log(`ready ${segments.reduce((sum, { bytes }) => sum + bytes.length, 0)}`);
  for (const [index, address] of addresses.entries()) {
    setTimeout(
      () => {
        beat(address);
        setInterval(() => beat(address), BEAT_MS);
      },
      1000 + ((index / addresses.length) * BEAT_MS) / 3,
    );
  }
});
