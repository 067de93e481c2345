import { connect, createServer, type Server, type Socket } from "node:net";

interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** Runs in the middle of a response: the first half has passed, the second half waits. */
type Interruption = () => Promise<void>;

const SEGMENT_REQUEST = /GET \/history\/\S/g;

/** A network link between two programs, which forwards or refuses TCP connections. */
export class OutageLink {
  private server: Server | undefined;
  private readonly sockets = new Set<Socket>();
  private interruption: { requestsLeft: number; run: Interruption } | undefined;

  constructor(
    private readonly at: Endpoint,
    private readonly target: Endpoint,
    /** The source address that the other side sees. */
    private readonly seenAs?: string,
  ) {}

  async join(): Promise<void> {
    const server = createServer((client) => this.pass(client));
    this.server = server;
    await new Promise<void>((done, fail) => {
      server.once("error", fail);
      server.listen(this.at.port, this.at.host, done);
    });
  }

  /** Breaks all connections and refuses new ones. */
  async cut(): Promise<void> {
    const { server } = this;
    this.server = undefined;
    for (const socket of this.sockets) socket.destroy();
    if (server !== undefined) await new Promise((done) => server.close(done));
  }

  /**
   * @returns resolves when `run` has ended, which starts in the middle of the `count`th segment
   * requested from now on
   */
  interruptSegment(count: number, run: Interruption): Promise<void> {
    return new Promise((resolve, reject) => {
      this.interruption = { requestsLeft: count, run: () => run().then(resolve, reject) };
    });
  }

  private pass(client: Socket): void {
    const { target, seenAs } = this;
    const server = connect({
      ...target,
      ...(seenAs === undefined ? {} : { localAddress: seenAs }),
    });
    for (const socket of [client, server]) {
      this.sockets.add(socket);
      socket.on("error", () => socket.destroy());
      socket.on("close", () => this.sockets.delete(socket));
    }
    client.on("close", () => server.destroy());
    server.on("close", () => client.destroy());
    let isDue = false;
    client.on("data", (chunk) => {
      isDue ||= this.countRequests(chunk);
      server.write(chunk);
    });
    server.on("data", (chunk) => {
      if (!isDue) {
        client.write(chunk);
        return;
      }
      isDue = false;
      const half = Math.floor(chunk.length / 2);
      client.write(chunk.subarray(0, half));
      server.pause();
      void this.interrupt().then(() => {
        if (!client.destroyed) client.write(chunk.subarray(half));
        server.resume();
      });
    });
  }

  private countRequests(chunk: Buffer): boolean {
    if (this.interruption === undefined) return false;
    const requests = chunk.toString("latin1").match(SEGMENT_REQUEST)?.length ?? 0;
    this.interruption.requestsLeft -= requests;
    return requests > 0 && this.interruption.requestsLeft <= 0;
  }

  private async interrupt(): Promise<void> {
    const { interruption } = this;
    this.interruption = undefined;
    await interruption?.run();
  }
}
