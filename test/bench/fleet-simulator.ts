/**
 * A fleet of simulated Pis in one process: one listener on many loopback addresses replays recorded
 * bodies of `/metrics`. Target 127.1.0.1 starts at the first body, 127.1.0.2 at the next one, so
 * that they differ like real ones.
 *
 * Usage: node fleet-simulator.js PORT BODIES-FOLDER-OR-FILE [SERIES [PIHEALTH-BODIES]]. Prints
 * `ready` when it listens. Every connection moves on to the next body at each request. With SERIES,
 * bodies are cut after that many samples. With PIHEALTH-BODIES, a body of our own exporter is
 * appended, sampled at the time of the response.
 *
 * It reads only as much HTTP as a scraper's GET needs, and writes each response from one prepared
 * buffer, because its own cost is taken from the machine on which the scrapers are measured.
 */
import { readdirSync, readFileSync } from "node:fs";
import net from "node:net";
import path from "node:path";
import { gunzipSync } from "node:zlib";
import { itemAt } from "../../exporter/shared/model/get-or-throw.js";
import { type PreparedAnswer, prepareAnswer, prepareStampedAnswer } from "./stamped-answer.js";

const END_OF_HEAD = "\r\n\r\n";

/** Address of simulated target number `index`, from 0: 127.1.0.1, 127.1.0.2, ... */
export function simulatedAddress(index: number): string {
  const host = index + 1;
  return `127.${1 + (host >> 16)}.${(host >> 8) & 255}.${host & 255}`;
}

/**
 * Bodies in the order of recording: one gzip file each, or one gzip file split at lines of `# EOB`.
 */
export function loadBodies(source: string): string[] {
  if (source.endsWith(".gz")) {
    const texts = gunzipSync(readFileSync(source)).toString("utf8").split("# EOB\n");
    return texts.filter((text) => text !== "");
  }
  const names = readdirSync(source).filter((name) => name.endsWith(".gz"));
  return names
    .sort()
    .map((name) => gunzipSync(readFileSync(path.join(source, name))).toString("utf8"));
}

/** The body up to sample number `count`, with the comments before it. */
export function cutBody(text: string, count: number): string {
  let position = 0;
  for (let samples = 0; samples < count && position < text.length;) {
    if (text[position] !== "#") samples++;
    position = text.indexOf("\n", position) + 1;
  }
  return text.slice(0, position);
}

function serve(port: number, answers: readonly PreparedAnswer[]): void {
  const server = net.createServer({ noDelay: true }, (socket) => {
    let position = firstPosition(socket.localAddress ?? "");
    let head = "";
    socket.on("error", () => socket.destroy());
    socket.on("data", (chunk: Buffer) => {
      head += chunk.toString("latin1");
      if (!head.endsWith(END_OF_HEAD)) return;
      const answer = itemAt(answers, position++ % answers.length);
      socket.write(answer.of(head.includes("gzip")));
      head = "";
    });
  });
  server.listen(port, "0.0.0.0", 65_535, () => console.log("ready"));
}

function firstPosition(address: string): number {
  const [, , third = 0, fourth = 0] = address.split(".").map(Number);
  return third * 256 + fourth;
}

function prepareAll(texts: readonly string[], own: readonly string[]): PreparedAnswer[] {
  if (own.length === 0) return texts.map(prepareAnswer);
  return texts.map((text, index) => prepareStampedAnswer(text + itemAt(own, index % own.length)));
}

const [port, source, series, ownSource] = process.argv.slice(2);
if (
  process.argv[1]?.includes("fleet-simulator") === true &&
  port !== undefined &&
  source !== undefined
) {
  const texts = loadBodies(source).map((text) =>
    series === undefined ? text : cutBody(text, Number(series)),
  );
  serve(Number(port), prepareAll(texts, ownSource === undefined ? [] : loadBodies(ownSource)));
}
