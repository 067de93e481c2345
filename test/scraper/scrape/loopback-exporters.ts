import { once } from "node:events";
import http, { type RequestListener } from "node:http";
import net, { type AddressInfo } from "node:net";

/** Something that listens on a loopback address and is closed with everything it holds open. */
export interface LoopbackServer {
  readonly host: string;
  readonly port: number;
  close(): Promise<void>;
}

export async function serveHttp(
  handler: RequestListener,
  host = "127.0.0.1",
): Promise<LoopbackServer> {
  const server = http.createServer({ keepAliveTimeout: 60_000 }, handler);
  server.listen(0, host);
  await once(server, "listening");
  return {
    host,
    port: (server.address() as AddressInfo).port,
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
  server.listen(0, host);
  await once(server, "listening");
  return {
    host,
    port: (server.address() as AddressInfo).port,
    async close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** A loopback address with a port on which nobody listens. */
export async function refusingAddress(host: string): Promise<LoopbackServer> {
  const { port, close } = await serveRaw(undefined, host);
  await close();
  return { host, port, close: async () => undefined };
}
