import assert from "node:assert/strict";
import http from "node:http";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import {
  createHttpAgent,
  HttpError,
  sendHttp,
} from "../../../../../exporter/shared/platform/http/http-client.js";
import { LeanHttp } from "../../../../../exporter/shared/platform/http/lean-http.js";
import {
  LineLimit,
  TooManyLinesError,
} from "../../../../../exporter/shared/platform/http/line-limit.js";
import { listenOnFreePort } from "../../../../support/loopback-servers.js";

const LINE = `metric{label="${"x".repeat(80)}"} 1\n`;
const MEBIBYTE = 1_048_576;

for (const { name, text, lines } of [
  { name: "lines", text: LINE.repeat(20_000), lines: 20_000 },
  { name: "comments and empty lines", text: `# HELP\n\n${LINE}`.repeat(20_000), lines: 20_000 },
  { name: "a last line without its end", text: `${LINE.repeat(20_000)}x 1`, lines: 20_001 },
]) {
  for (const pieceBytes of [8191, 65_537, MEBIBYTE + 1]) {
    test(`Lines of a body are counted over the edges of its pieces: ${name}, ${pieceBytes} bytes each`, () => {
      const body = Buffer.from(text);
      const pieces: Buffer[] = [];
      for (let at = 0; at < body.length; at += pieceBytes)
        pieces.push(body.subarray(at, at + pieceBytes));
      const countAll = (maxLines: number): void => {
        const limits = [new LineLimit(maxLines), new LineLimit(maxLines)] as const;
        let sizeBytes = 0;
        for (const piece of pieces) {
          sizeBytes += piece.length;
          limits[0].take(piece);
          limits[1].checkGathered(body, sizeBytes);
        }
      };
      countAll(lines);
      assert.throws(() => countAll(lines - 1), TooManyLinesError);
    });
  }
}

test("A body below a mebibyte is not refused", () => {
  new LineLimit(1).take(Buffer.from(LINE.repeat(1000)));
});

for (const { name, encoding } of [
  { name: "as it is", encoding: "identity" },
  { name: "in gzip", encoding: "gzip" },
]) {
  test(`A body with too many lines, sent ${name}, is refused before its end`, async (t) => {
    const whole = LINE.repeat(400_000);
    const zipped = gzipSync(whole, { level: 1 });
    let sentBytes = 0;
    const server = http.createServer((_, response) => {
      if (encoding === "gzip") {
        response.setHeader("content-encoding", "gzip");
        response.end(zipped);
        return;
      }
      const piece = Buffer.from(LINE.repeat(2000));
      // Without an end: only the client can end this response.
      const send = (): void => {
        while (!response.destroyed) {
          sentBytes += piece.length;
          if (!response.write(piece)) {
            response.once("drain", send);
            return;
          }
        }
      };
      send();
    });
    const port = await listenOnFreePort(server);
    const agent = createHttpAgent({ maxSockets: 1 });
    const lean = new LeanHttp(60_000);
    t.after(async () => {
      lean.close();
      agent.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });
    const request = {
      url: `http://127.0.0.1:${port}/metrics`,
      timeoutMs: 240_000,
      maxBodyBytes: 2 ** 30,
      maxLines: 1000,
    };
    for (const send of [lean.send, sendHttp])
      await assert.rejects(
        send({ ...request, ...(send === sendHttp ? { agent } : {}) }),
        (error) => error instanceof HttpError && error.code === "too_many_lines",
      );
    assert.ok(sentBytes < 64 * MEBIBYTE, `${sentBytes} bytes sent`);
  });
}
