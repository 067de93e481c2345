import assert from "node:assert/strict";
import http, { type IncomingMessage, type RequestListener } from "node:http";
import { test, type TestContext } from "node:test";
import { gzipSync } from "node:zlib";
import {
  HttpError,
  type HttpRequest,
} from "../../../../../exporter/shared/platform/http/http-client.js";
import { LeanHttp } from "../../../../../exporter/shared/platform/http/lean-http.js";
import { listenOnFreePort } from "../../../../support/loopback-servers.js";

const HEADERS = { "Accept-Encoding": "gzip", "User-Agent": "test" };

interface Bench {
  readonly lean: LeanHttp;
  readonly request: HttpRequest;
  readonly connections: () => number;
  readonly server: http.Server;
}

async function serve(t: TestContext, listener: RequestListener): Promise<Bench> {
  const server = http.createServer(listener);
  let connections = 0;
  server.on("connection", () => connections++);
  const port = await listenOnFreePort(server);
  const lean = new LeanHttp(60_000);
  t.after(async () => {
    lean.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const url = `http://127.0.0.1:${port}/metrics?x=1`;
  const request = { url, headers: HEADERS, timeoutMs: 120_000, maxBodyBytes: 10_000_000 };
  return { lean, request, connections: () => connections, server };
}

const hasCode =
  (code: string) =>
  (error: unknown): boolean =>
    error instanceof HttpError && error.code === code;

test("Requests to one URL follow each other on one connection", async (t) => {
  const seen: IncomingMessage[] = [];
  const { lean, request, connections } = await serve(t, (asked, answer) => {
    seen.push(asked);
    answer.end(`a ${seen.length}\n`);
  });
  for (const expected of ["a 1\n", "a 2\n", "a 3\n"]) {
    const { body, release } = await lean.send(request);
    assert.equal(body.toString(), expected);
    release?.();
  }
  assert.equal(connections(), 1);
  assert.deepEqual(
    seen.map(({ method, url, headers }) => [method, url, headers["user-agent"]]),
    Array(3).fill(["GET", "/metrics?x=1", "test"]),
  );
  assert.equal(seen[0]?.headers.host, new URL(request.url).host);
});

test("Concurrent requests use separate connections, and bodies that are not released stay intact", async (t) => {
  let served = 0;
  const { lean, request } = await serve(
    t,
    (_, answer) => void answer.end(`a ${served++}\n`.repeat(100)),
  );
  const responses = await Promise.all(Array.from({ length: 20 }, () => lean.send(request)));
  const later = await lean.send(request);
  const texts = responses.map(({ body }) => body.toString());
  assert.equal(new Set([...texts, later.body.toString()]).size, 21);
  for (const text of texts) assert.equal(new Set(text.trim().split("\n")).size, 1);
});

test("A connection that the peer has closed is replaced without an error", async (t) => {
  const { lean, request, connections, server } = await serve(
    t,
    (_, answer) => void answer.end("a 1\n"),
  );
  for (let round = 0; round < 5; round++) {
    assert.equal((await lean.send(request)).status, 200);
    server.closeAllConnections();
  }
  assert.equal(connections(), 5);
});

test("A connection closed during the second response is an error", async (t) => {
  let served = 0;
  const { lean, request } = await serve(t, (asked, answer) => {
    if (served++ === 0) return void answer.end("a 1\n");
    answer.writeHead(200, { "Content-Length": 100 }).write("a 1\n", () => asked.socket.destroy());
  });
  await lean.send(request);
  await assert.rejects(lean.send(request), hasCode("unreachable"));
});

for (const { name, sizeBytes } of [
  { name: "small", sizeBytes: 100 },
  { name: "medium", sizeBytes: 60_000 },
  { name: "large", sizeBytes: 3_000_000 },
]) {
  test(`A gzipped body is decompressed: ${name}`, async (t) => {
    const text = "a_metric 1\n".repeat(sizeBytes / 10);
    const gzipped = gzipSync(text);
    const { lean, request } = await serve(t, (_, answer) => {
      answer.setHeader("Content-Encoding", "gzip");
      answer.write(gzipped.subarray(0, 20));
      answer.end(gzipped.subarray(20));
    });
    for (let round = 0; round < 3; round++) {
      const { body, release } = await lean.send(request);
      assert.ok(body.toString() === text);
      release?.();
    }
    await assert.rejects(
      lean.send({ ...request, maxBodyBytes: text.length - 1 }),
      hasCode("too_large"),
    );
  });
}

for (const { name, change } of [
  { name: "cut", change: (body: Buffer) => body.subarray(0, -6) },
  {
    name: "with a flipped bit",
    change: (body: Buffer) => Buffer.from(body).fill((body[20] as number) ^ 1, 20, 21),
  },
  {
    name: "with a wrong length in its tail",
    change: (body: Buffer) => Buffer.concat([body.subarray(0, -4), Buffer.alloc(4, 1)]),
  },
  {
    name: "with a length of 0 in its tail",
    change: (body: Buffer) => Buffer.concat([body.subarray(0, -4), Buffer.alloc(4)]),
  },
]) {
  test(`A damaged gzip body is an error, and the next intact body is read: ${name}`, async (t) => {
    const good = gzipSync("a_metric 1\n".repeat(1000));
    let served = 0;
    const { lean, request } = await serve(t, (_, answer) => {
      answer.setHeader("Content-Encoding", "gzip");
      answer.end(served++ % 2 === 0 ? change(good) : good);
    });
    for (let round = 0; round < 2; round++) {
      await assert.rejects(lean.send(request), hasCode("unreachable"));
      assert.equal((await lean.send(request)).body.length, 11_000);
    }
  });
}

test("An encoding that was not requested is refused", async (t) => {
  const { lean, request } = await serve(
    t,
    (_, answer) => void answer.setHeader("Content-Encoding", "br").end("x"),
  );
  await assert.rejects(lean.send(request), /content encoding was not asked for/);
});

test("An aborted request ends immediately and closes its connection", async (t) => {
  const { lean, request } = await serve(t, () => undefined);
  const controller = new AbortController();
  const running = lean.send({ ...request, signal: controller.signal });
  controller.abort();
  await assert.rejects(running, hasCode("aborted"));
  await assert.rejects(lean.send({ ...request, signal: controller.signal }), hasCode("aborted"));
});

test("A response after the timeout is an error", async (t) => {
  const { lean, request } = await serve(t, () => undefined);
  await assert.rejects(lean.send({ ...request, timeoutMs: 50 }), hasCode("timeout"));
});

test("A closed client fails current and later requests", async (t) => {
  const { lean, request } = await serve(t, () => undefined);
  const running = lean.send(request);
  lean.close();
  await assert.rejects(running, hasCode("aborted"));
  await assert.rejects(lean.send(request), hasCode("aborted"));
});

test("A header with a line break is refused", async (t) => {
  const { lean, request } = await serve(t, () => undefined);
  await assert.rejects(
    lean.send({ ...request, headers: { Authorization: "x\r\nHost: y" } }),
    hasCode("unreachable"),
  );
});

test("A flood of one-byte chunks leaves turns of the event loop to other work", async (t) => {
  const chunks = 350_000;
  const { lean, request } = await serve(t, (_, answer) => {
    answer.writeHead(200, { "Transfer-Encoding": "chunked" }).flushHeaders();
    const { socket } = answer;
    socket?.write("1\r\na\r\n".repeat(chunks));
    socket?.write("0\r\n\r\n");
  });
  let turns = 0;
  let isDone = false;
  const count = (): void => {
    turns++;
    if (!isDone) setImmediate(count);
  };
  count();
  const { body } = await lean.send(request);
  isDone = true;
  assert.equal(body.length, chunks);
  // One read holds at most 128 KiB.
  assert.ok(turns >= (chunks * 6) / 131_072, `${turns} turns`);
});
