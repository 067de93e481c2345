import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import https from "node:https";
import net from "node:net";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import {
  createHttpAgent,
  type HttpAgent,
  HttpError,
  sendHttp,
} from "../../../../../exporter/shared/platform/http/http-client.js";
import { createCertificate, type Certificate } from "../../../../support/certificate.js";
import { listenOnFreePort } from "../../../../support/loopback-servers.js";

const TIMEOUT_MS = 30_000;

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: http.IncomingHttpHeaders;
}

/** A proxy that knows both ways and keeps what it was asked. */
class Proxy {
  readonly seen: Seen[] = [];
  connectStatus = "200 OK";
  port = 0;
  private readonly sockets = new Set<net.Socket>();
  private readonly server = http.createServer((request, response) => {
    this.note(request);
    const from = http.request(
      request.url ?? "",
      { method: request.method, headers: request.headers, agent: false },
      (answer) => {
        response.writeHead(answer.statusCode ?? 0, answer.headers);
        answer.pipe(response);
      },
    );
    request.pipe(from);
  });

  async listen(): Promise<void> {
    this.server.on("connection", (socket: net.Socket) => this.sockets.add(socket));
    this.server.on("connect", (request: http.IncomingMessage, socket: net.Socket) => {
      this.note(request);
      if (!this.connectStatus.startsWith("200")) {
        socket.end(`HTTP/1.1 ${this.connectStatus}\r\n\r\n`);
        return;
      }
      const [host, port] = (request.url ?? "").split(":");
      const upstream = net.connect(Number(port), host, () => {
        socket.write("HTTP/1.1 200 OK\r\n\r\n");
        upstream.pipe(socket).pipe(upstream);
      });
      for (const end of [upstream, socket]) end.on("error", () => undefined);
    });
    this.port = await listenOnFreePort(this.server);
  }

  async close(): Promise<void> {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
    await once(this.server, "close");
  }

  private note({ method = "", url = "", headers }: http.IncomingMessage): void {
    this.seen.push({ method, url, headers });
  }
}

let certificate: Certificate;
let plain: http.Server;
let encrypted: https.Server;
let ports: { plain: number; encrypted: number };
let proxy: Proxy;

before(async () => {
  certificate = createCertificate();
  const handler: http.RequestListener = (request, response) => {
    const body = gzipSync(`${request.method} ${request.url} ${request.headers.host}`);
    response.writeHead(200, { "content-encoding": "gzip" }).end(body);
  };
  plain = http.createServer(handler);
  encrypted = https.createServer(certificate, handler);
  ports = { plain: await listenOnFreePort(plain), encrypted: await listenOnFreePort(encrypted) };
  proxy = new Proxy();
  await proxy.listen();
});

after(async () => {
  await proxy.close();
  for (const server of [plain, encrypted]) {
    server.close();
    server.closeAllConnections();
  }
});

async function withAgent(
  run: (agent: HttpAgent) => Promise<void>,
  choose: (url: URL) => URL | undefined = () =>
    new URL(`http://us%40er:pass@127.0.0.1:${proxy.port}`),
): Promise<void> {
  proxy.seen.length = 0;
  proxy.connectStatus = "200 OK";
  const agent = createHttpAgent({
    maxSockets: 2,
    tls: { ca: certificate.cert },
    proxy: { choose, connectHeaders: { "x-tenant": "attic" } },
  });
  try {
    await run(agent);
  } finally {
    agent.close();
  }
}

const get = async (url: string, agent: HttpAgent): Promise<string> => {
  const response = await sendHttp({ url, timeoutMs: TIMEOUT_MS, maxBodyBytes: 1000, agent });
  assert.equal(response.status, 200);
  return response.body.toString();
};

const CREDENTIALS = `Basic ${Buffer.from("us@er:pass").toString("base64")}`;

test("An http URL is sent to the proxy as a whole, with the credentials of the proxy", async () => {
  await withAgent(async (agent) => {
    const url = `http://127.0.0.1:${ports.plain}/metrics?a=b`;
    assert.equal(await get(url, agent), `GET /metrics?a=b 127.0.0.1:${ports.plain}`);
    const [first] = proxy.seen;
    assert.equal(first?.url, url);
    assert.equal(first.headers["proxy-authorization"], CREDENTIALS);
    assert.equal(first.headers["x-tenant"], undefined);
  });
});

test("A body is sent through the proxy, and a large answer is refused", async () => {
  await withAgent(async (agent) => {
    const request = {
      url: `http://127.0.0.1:${ports.plain}/`,
      method: "POST",
      body: "text",
      timeoutMs: TIMEOUT_MS,
      agent,
    } as const;
    const { body } = await sendHttp({ ...request, maxBodyBytes: 1000 });
    assert.match(body.toString(), /^POST \/ /);
    await assert.rejects(
      sendHttp({ ...request, maxBodyBytes: 5 }),
      (error) => error instanceof HttpError && error.code === "too_large",
    );
  });
});

test("An https URL goes through one tunnel that is kept, with TLS to the server itself", async () => {
  await withAgent(async (agent) => {
    const url = `https://127.0.0.1:${ports.encrypted}/metrics`;
    assert.equal(await get(url, agent), `GET /metrics 127.0.0.1:${ports.encrypted}`);
    assert.equal(await get(url, agent), `GET /metrics 127.0.0.1:${ports.encrypted}`);
    assert.deepEqual(
      proxy.seen.map(({ method, url: host }) => [method, host]),
      [["CONNECT", `127.0.0.1:${ports.encrypted}`]],
    );
    assert.equal(proxy.seen[0]?.headers["x-tenant"], "attic");
    assert.equal(proxy.seen[0].headers["proxy-authorization"], CREDENTIALS);
  });
});

test("A proxy that refuses, or is not there, is an error that says so", async () => {
  await withAgent(async (agent) => {
    proxy.connectStatus = "403 Forbidden";
    await assert.rejects(
      get(`https://127.0.0.1:${ports.encrypted}/`, agent),
      /the proxy refused the connection with status 403/,
    );
  });
  await withAgent(
    async (agent) => {
      for (const url of [
        `https://127.0.0.1:${ports.encrypted}/`,
        `http://127.0.0.1:${ports.plain}/`,
      ]) {
        await assert.rejects(get(url, agent), /ECONNREFUSED/);
      }
    },
    () => new URL("http://127.0.0.1:1"),
  );
});

test("A host for which no proxy is chosen is reached directly", async () => {
  await withAgent(
    async (agent) => {
      await get(`http://127.0.0.1:${ports.plain}/`, agent);
      await get(`https://127.0.0.1:${ports.encrypted}/`, agent);
      assert.equal(proxy.seen.length, 0);
    },
    () => undefined,
  );
});

test("A request that is stopped in the tunnel ends at once", async () => {
  const silent = net.createServer(() => undefined);
  const port = await listenOnFreePort(silent);
  await withAgent(
    async (agent) => {
      const stopping = new AbortController();
      const request = sendHttp({
        url: "https://127.0.0.1:9/",
        timeoutMs: TIMEOUT_MS,
        maxBodyBytes: 10,
        agent,
        signal: stopping.signal,
      });
      silent.once("connection", () => stopping.abort());
      await assert.rejects(
        request,
        (error) => error instanceof HttpError && error.code === "aborted",
      );
    },
    () => new URL(`http://127.0.0.1:${port}`),
  );
  silent.close();
});
