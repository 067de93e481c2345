import { connect, createServer, type Server, type Socket } from "node:net";
import { SmtpSink } from "./smtp-sink.js";
import { listenOnFreePort, portOf } from "./loopback-servers.js";

/** How the server treats a connection. */
export type SmtpMood = "refuse" | "drop" | "stall" | "work";

/**
 * An SMTP proxy that can fail in several ways. While it works, it passes connections on to a real
 * server.
 */
export class FailingSmtp {
  mood: SmtpMood = "work";
  /** Connections, by the mood at their time. */
  readonly met: Record<SmtpMood, number> = { refuse: 0, drop: 0, stall: 0, work: 0 };
  private readonly sockets = new Set<Socket>();
  private readonly server: Server;

  private constructor(readonly sink: SmtpSink) {
    this.server = createServer((socket) => this.receive(socket));
  }

  static async start(): Promise<FailingSmtp> {
    const smtp = new FailingSmtp(await SmtpSink.start());
    await listenOnFreePort(smtp.server);
    return smtp;
  }

  get port(): number {
    return portOf(this.server);
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
    await this.sink.stop();
  }

  private receive(socket: Socket): void {
    const { mood } = this;
    this.met[mood]++;
    this.keep(socket);
    if (mood === "stall") return; // Not even a greeting.
    if (mood === "refuse") {
      socket.end("421 4.3.2 not today\r\n");
      return;
    }
    const behind = connect(this.sink.port, "127.0.0.1");
    this.keep(behind);
    behind.pipe(socket);
    socket.on("data", (chunk: Buffer) => {
      if (mood === "drop" && /^DATA\r\n/m.test(chunk.toString("latin1"))) {
        socket.destroy();
        behind.destroy();
      } else behind.write(chunk);
    });
    socket.on("close", () => behind.destroy());
    behind.on("close", () => socket.destroy());
  }

  private keep(socket: Socket): void {
    this.sockets.add(socket);
    socket.on("close", () => this.sockets.delete(socket));
    socket.on("error", () => socket.destroy());
  }
}
