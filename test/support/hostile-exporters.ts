import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTcpServer, type Server as TcpServer } from "node:net";
import { gzipSync } from "node:zlib";

const TEXT = "text/plain; version=0.0.4";
export const HOSTILE_SCRIPT = "<script>alert(1)</script>";
const ESCAPE = String.fromCharCode(27);
/** Values that could colour a terminal, start a new line, or run on a page. */
const HOSTILE_VALUES = {
  script: HOSTILE_SCRIPT,
  ansi: `${ESCAPE}[31mred${ESCAPE}[0m`,
  line: "a\nlevel=error msg=forged",
  quote: `"><img src=x onerror=alert(1)>`,
};

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

export interface HostileExporter {
  readonly name: string;
  readonly answer: Answer;
  /** Error that the scraper reports; empty for exporters that respond with samples. */
  readonly error: RegExp | "";
}

const reply =
  (body: string | Buffer, headers: Record<string, string> = {}): Answer =>
  (_request, response) =>
    void response.writeHead(200, { "Content-Type": TEXT, ...headers }).end(body);

const endless: Answer = (_request, response) => {
  response.writeHead(200, { "Content-Type": TEXT });
  const line = "an_endless_metric 1\n".repeat(1000);
  const pour = (): void => {
    while (!response.destroyed && response.write(line));
    if (!response.destroyed) response.once("drain", pour);
  };
  pour();
};

const drip: Answer = (_request, response) => {
  response.writeHead(200, { "Content-Type": TEXT });
  const timer = setInterval(() => response.write("s"), 100);
  response.on("close", () => clearInterval(timer));
};

const escapeLabel = (value: string): string =>
  value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
const hostileLabels = Object.entries(HOSTILE_VALUES)
  .map(([name, value]) => `${name}="${escapeLabel(value)}"`)
  .join(",");

export const HOSTILE_EXPORTERS: readonly HostileExporter[] = [
  { name: "rubbish", answer: reply(`${ESCAPE}[2J!%&/()= rubbish\n`), error: /line 1, byte 1/ },
  { name: "truncated", answer: reply('a 1\nb{x="1'), error: /line 2/ },
  {
    name: "cut off",
    answer: (_request, response) => {
      response.writeHead(200, { "Content-Type": TEXT, "Content-Length": "1000" });
      response.write("a 1\n", () => response.destroy());
    },
    error: /./,
  },
  { name: "huge", answer: reply("a 1\n".repeat(300_000)), error: /body size limit/ },
  {
    name: "bomb",
    answer: reply(gzipSync(Buffer.alloc(20_000_000, "a 1\n")), { "Content-Encoding": "gzip" }),
    // Whichever is passed first: its lines are as many as a target may have samples.
    error: /body size limit|sample limit/,
  },
  { name: "endless", answer: endless, error: /body size limit/ },
  { name: "slow", answer: drip, error: /no complete response within/ },
  { name: "silent", answer: () => undefined, error: /no complete response within/ },
  {
    name: "page",
    answer: reply("<html></html>", { "Content-Type": "text/html" }),
    error: /content type/,
  },
  {
    name: "error",
    answer: (_request, response) => void response.writeHead(500).end(`${ESCAPE}[31m`),
    error: /HTTP status 500/,
  },
  { name: "duplicates", answer: reply("twice 1\ntwice 2\ntwice 1\nonce 1\n"), error: "" },
  { name: "values", answer: reply(`hostile{${hostileLabels}} 1\n`), error: "" },
];

/**
 * Hostile exporters on one port, each with its own address from 127.0.1.1 on. The last one does not
 * speak HTTP.
 */
export class HostileExporters {
  private readonly servers: (Server | TcpServer)[] = [];

  private constructor() {
    // Use `start`.
  }

  static async start(port: number): Promise<HostileExporters> {
    const all = new HostileExporters();
    for (const [index, { answer }] of HOSTILE_EXPORTERS.entries()) {
      all.servers.push(createServer(answer).listen(port, addressOf(index)));
    }
    const banner = createTcpServer((socket) => {
      socket.on("error", () => socket.destroy());
      socket.end("SSH-2.0-OpenSSH_9.2\r\n");
    });
    all.servers.push(banner.listen(port, addressOf(HOSTILE_EXPORTERS.length)));
    await Promise.all(all.servers.map((server) => once(server, "listening")));
    return all;
  }

  stop(): void {
    for (const server of this.servers) {
      if ("closeAllConnections" in server) server.closeAllConnections();
      server.close();
    }
  }
}

/** Address of the exporter at this index. */
export const addressOf = (index: number): string => `127.0.1.${index + 1}`;
