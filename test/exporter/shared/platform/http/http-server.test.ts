import assert from "node:assert/strict";
import { once } from "node:events";
import net from "node:net";
import { afterEach, test } from "node:test";
import type {
  HttpHandler,
  HttpResponse,
} from "../../../../../exporter/shared/platform/http/http-message.js";
import {
  type HttpServer,
  listenHttp,
  type ListenOptions,
} from "../../../../../exporter/shared/platform/http/http-server.js";

const servers: HttpServer[] = [];
const sockets: net.Socket[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(servers.splice(0).map((server) => server.stop(0)));
});

async function serve(handler: HttpHandler, options: Partial<ListenOptions> = {}) {
  const server = await listenHttp(handler, {
    ...{ host: "127.0.0.1", port: 0, maxConnections: 100 },
    ...options,
  });
  servers.push(server);
  return server;
}

interface Client {
  readonly socket: net.Socket;
  /** Resolves when the text received so far matches. */
  until(pattern: RegExp): Promise<string>;
  readonly closed: Promise<unknown>;
}

async function connect(port: number, localAddress = "127.0.0.1"): Promise<Client> {
  const socket = net.connect({ host: "127.0.0.1", port, localAddress });
  sockets.push(socket);
  socket.on("error", () => undefined); // Some tests expect a reset.
  const closed = once(socket, "close");
  await once(socket, "connect");
  let text = "";
  let onText = (): void => undefined;
  socket.on("data", (piece) => {
    text += piece.toString("latin1");
    onText();
  });
  const until = (pattern: RegExp): Promise<string> =>
    new Promise((resolve) => {
      onText = () => {
        if (pattern.test(text)) resolve(text);
      };
      onText();
    });
  return { socket, until, closed };
}

const GET = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
const answer = (response: HttpResponse): void => void response.end("answer\n");

test("pipelined requests are handled one at a time and answered in their order", async () => {
  let running = 0;
  let most = 0;
  const { port } = await serve((request, response) => {
    most = Math.max(most, ++running);
    setImmediate(() => {
      running--;
      response.end(`<${request.url}>`);
    });
  });
  const client = await connect(port);
  const paths = Array.from({ length: 500 }, (_, index) => `/${index}`);
  client.socket.write(paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`).join(""));
  const text = await client.until(/<\/499>/);
  assert.equal(most, 1);
  assert.deepEqual(
    text.match(/<\/\d+>/g),
    paths.map((path) => `<${path}>`),
  );
});

test("the requests of a client that has left are dropped", async () => {
  let handled = 0;
  const waiting: HttpResponse[] = [];
  const { port } = await serve((_, response) => {
    handled++;
    waiting.push(response);
  });
  const client = await connect(port);
  client.socket.write(GET.repeat(1800));
  const other = await connect(port);
  other.socket.write(GET);
  while (handled < 2) await new Promise((resolve) => setImmediate(resolve));
  const [first] = waiting;
  assert.ok(first !== undefined);
  const gone = once(first, "close");
  client.socket.destroy();
  await gone;
  for (const response of waiting) answer(response);
  await other.until(/answer/);
  assert.equal(handled, 2);
});

test("a client that pipelines does not delay another client", async () => {
  const seen: string[] = [];
  const { port } = await serve((request, response) => {
    seen.push(request.url ?? "");
    answer(response);
  });
  const greedy = await Promise.all(Array.from({ length: 20 }, () => connect(port)));
  const modest = await connect(port, "127.0.0.2");
  for (const { socket } of greedy) socket.write(GET.repeat(1800));
  await Promise.all(greedy.map((client) => client.until(/answer/)));
  const before = seen.length;
  modest.socket.write("GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n");
  await modest.until(/answer/);
  const between = seen.indexOf("/-/healthy") - before;
  assert.ok(between < 2000, `${between} of 36000 requests came before`);
});

const BODY = Buffer.from(
  Array.from({ length: 300_000 }, (_, index) => String(index % 10)).join(""),
);

for (const { name, pieces } of [
  { name: "whole", pieces: [BODY] },
  { name: "in pieces of 1000 bytes", pieces: piecesOf(BODY, 1000) },
]) {
  test(`a request body arrives ${name} and the next request after it`, async () => {
    const { port } = await serve((request, response) => {
      const received: Buffer[] = [];
      request.on("data", (piece: Buffer) => received.push(piece));
      request.on("end", () => response.end(`<${Buffer.concat(received).equals(BODY)}>`));
    });
    const client = await connect(port);
    const head = `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${BODY.length}\r\n\r\n`;
    for (let round = 0; round < 2; round++) {
      client.socket.write(head);
      for (const piece of pieces) client.socket.write(piece);
    }
    const text = await client.until(/<.*<\w+>/s);
    assert.deepEqual(text.match(/<\w+>/g), ["<true>", "<true>"]);
  });
}

test("a request head of one-byte pieces is answered", async () => {
  const { port } = await serve((_, response) => answer(response));
  const client = await connect(port);
  client.socket.setNoDelay(true);
  for (const byte of GET) client.socket.write(byte);
  await client.until(/answer/);
});

test("an idle connection makes room for a new one of the same address", async () => {
  const server = await serve((_, response) => answer(response), { maxPerAddress: 3 });
  const clients: Client[] = [];
  for (let index = 0; index < 4; index++) {
    const client = await connect(server.port);
    client.socket.write(GET);
    await client.until(/answer/);
    clients.push(client);
  }
  await clients[0]?.closed;
  assert.equal(server.openConnections(), 3);
  assert.equal(server.closedConnections().address_limit, 1);
});

test("a crowd of idle connections closes neither a friend's, an admitted nor a busy one", async () => {
  const busy: HttpResponse[] = [];
  const server = await serve(
    (request, response) => {
      if (request.headers.authorization !== undefined) request.hasCredentials = true;
      if (request.url === "/wait") busy.push(response);
      else answer(response);
    },
    { maxConnections: 32, isFriend: (address) => address === "127.0.0.9" },
  );
  const master = await connect(server.port, "127.0.0.9");
  const admitted = await connect(server.port, "127.0.0.8");
  const working = await connect(server.port, "127.0.0.7");
  master.socket.write(GET);
  await master.until(/answer/);
  admitted.socket.write("GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer t\r\n\r\n");
  await admitted.until(/answer/);
  working.socket.write("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
  while (busy.length === 0) await new Promise((resolve) => setImmediate(resolve));
  for (let index = 0; index < 100; index++)
    await connect(server.port, `127.0.1.${1 + (index % 50)}`);
  for (const { socket } of [master, admitted]) socket.write(GET);
  for (const response of busy) answer(response);
  await Promise.all([
    master.until(/answer.*answer/s),
    admitted.until(/answer.*answer/s),
    working.until(/answer/),
  ]);
  const late = await connect(server.port, "127.0.0.6");
  late.socket.write(GET);
  await late.until(/answer/);
  assert.ok(server.openConnections() <= 32);
});

function piecesOf(bytes: Buffer, size: number): Buffer[] {
  const count = Math.ceil(bytes.length / size);
  return Array.from({ length: count }, (_, index) =>
    bytes.subarray(index * size, (index + 1) * size),
  );
}
