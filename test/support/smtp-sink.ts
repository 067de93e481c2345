import { SMTPServer } from "smtp-server";
import { listenOnFreePort, portOf } from "./loopback-servers.js";

export interface ReceivedMail {
  readonly from: string;
  readonly to: readonly string[];
  /** As received. */
  readonly raw: string;
  /** Names in lower case, folded lines joined, encoded words decoded. */
  readonly headers: ReadonlyMap<string, string>;
}

export interface SmtpLogin {
  readonly username: string;
  readonly password: string;
}

/** A real SMTP server that keeps the mails it receives. */
export class SmtpSink {
  readonly mails: ReceivedMail[] = [];
  private readonly server: SMTPServer;

  private constructor(login: SmtpLogin | undefined) {
    this.server = new SMTPServer({
      authOptional: login === undefined,
      allowInsecureAuth: true,
      disabledCommands: login === undefined ? ["STARTTLS", "AUTH"] : ["STARTTLS"],
      onAuth: ({ username, password }, _session, done) => {
        const isRight = username === login?.username && password === login?.password;
        done(isRight ? null : new Error("wrong user or password"), { user: username });
      },
      logger: false,
      onData: (stream, session, done) => {
        const chunks: Buffer[] = [];
        stream.on("data", (chunk: Buffer) => chunks.push(chunk));
        stream.on("end", () => {
          const { mailFrom, rcptTo } = session.envelope;
          const raw = Buffer.concat(chunks).toString("utf8");
          const from = mailFrom === false ? "" : mailFrom.address;
          this.mails.push({
            from,
            to: rcptTo.map(({ address }) => address),
            raw,
            headers: parseHeaders(raw),
          });
          done();
        });
      },
    });
  }

  /** @param login credentials that it requires */
  static async start(login?: SmtpLogin): Promise<SmtpSink> {
    const sink = new SmtpSink(login);
    await listenOnFreePort(sink.server.server);
    return sink;
  }

  get port(): number {
    return portOf(this.server.server);
  }

  subjects(): string[] {
    return this.mails.map(({ headers }) => headers.get("subject") ?? "");
  }

  stop(): Promise<void> {
    return new Promise((resolve) => this.server.close(() => resolve()));
  }
}

export function parseHeaders(raw: string): Map<string, string> {
  const head = raw.slice(0, raw.indexOf("\r\n\r\n")).replace(/\r\n[ \t]+/g, " ");
  const pairs = head.split("\r\n").map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).toLowerCase(), decodeWords(line.slice(colon + 1).trim())] as const;
  });
  return new Map(pairs);
}

/** RFC 2047 encoded words, base64 and quoted-printable. */
function decodeWords(text: string): string {
  const joined = text.replace(/\?=\s+=\?/g, "?==?");
  return joined.replace(
    /=\?utf-8\?([BQ])\?([^?]*)\?=/gi,
    (_whole, encoding: string, content: string) => {
      if (encoding.toUpperCase() === "B") return Buffer.from(content, "base64").toString("utf8");
      const bytes = content
        .replace(/_/g, " ")
        .replace(/=([0-9A-F]{2})/gi, (_match, digits: string) =>
          String.fromCharCode(Number.parseInt(digits, 16)),
        );
      return Buffer.from(bytes, "latin1").toString("utf8");
    },
  );
}
