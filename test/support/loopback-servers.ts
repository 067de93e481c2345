import { once } from "node:events";
import http, { type RequestListener } from "node:http";
import net from "node:net";

/** Something that listens on a loopback address and is closed with everything it holds open. */
export interface LoopbackServer {
  readonly host: string;
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Lets the server listen on a free port of a loopback address.
 *
 * @returns the port
 */
export async function listenOnFreePort(server: net.Server, host = "127.0.0.1"): Promise<number> {
  server.listen(0, host);
  await once(server, "listening");
  return portOf(server);
}

/** The port of a server that listens. */
export function portOf(server: net.Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new TypeError("No TCP server listens");
  return address.port;
}

/** A TCP port on which nothing listens at present. */
export async function freePort(host = "127.0.0.1"): Promise<number> {
  const server = net.createServer();
  const port = await listenOnFreePort(server, host);
  server.close();
  await once(server, "close");
  return port;
}

export async function serveHttp(
  handler: RequestListener,
  host = "127.0.0.1",
): Promise<LoopbackServer> {
  const server = http.createServer({ keepAliveTimeout: 60_000 }, handler);
  return {
    host,
    port: await listenOnFreePort(server, host),
    async close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** Calls `onConnection` for each connection; without one it accepts and never answers. */
export async function serveRaw(
  onConnection: (socket: net.Socket) => void = () => undefined,
  host = "127.0.0.1",
): Promise<LoopbackServer> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
    onConnection(socket);
  });
  return {
    host,
    port: await listenOnFreePort(server, host),
    async close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** A loopback address with a port on which nobody listens. */
export async function refusingAddress(host: string): Promise<LoopbackServer> {
  return { host, port: await freePort(host), close: async () => undefined };
}
