import { EventEmitter, once } from "node:events";
import type { Socket } from "node:net";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import { itemAt } from "../../../../exporter/shared/model/get-or-throw.js";
import { listenOnFreePort } from "../../../support/loopback-servers.js";

export interface ReceivedMail {
  readonly envelopeFrom: string;
  readonly envelopeTo: readonly string[];
  readonly isEncrypted: boolean;
  readonly user: string | undefined;
  readonly raw: string;
}

export interface MailServerFixture {
  readonly port: number;
  readonly mails: ReceivedMail[];
  /** The next mail that this function has not returned yet. */
  received(): Promise<ReceivedMail>;
  close(): Promise<void>;
}

/** A real SMTP server on the loopback that keeps what it takes. */
export async function startMailServer(options: SMTPServerOptions): Promise<MailServerFixture> {
  const mails: ReceivedMail[] = [];
  const arrivals = new EventEmitter();
  const server = new SMTPServer({
    authOptional: true,
    onData(stream, session, callback) {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        const { mailFrom, rcptTo } = session.envelope;
        mails.push({
          envelopeFrom: mailFrom === false ? "" : mailFrom.address,
          envelopeTo: rcptTo.map(({ address }) => address),
          isEncrypted: session.secure,
          user: typeof session.user === "string" ? session.user : undefined,
          raw: Buffer.concat(chunks).toString("utf8"),
        });
        callback();
        arrivals.emit("mail");
      });
    },
    ...options,
  });
  server.on("error", () => undefined); // Clients that hang up are what some tests are about.
  const port = await listenOnFreePort(server.server);
  let taken = 0;
  const received = async (): Promise<ReceivedMail> => {
    while (mails.length <= taken) await once(arrivals, "mail");
    return itemAt(mails, taken++);
  };
  return {
    port,
    mails,
    received,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

/** Answers every command with the reply given for its verb; `undefined` says nothing, `hang-up` ends the connection. */
export function dialogue(
  replies: Readonly<Record<string, string | undefined>>,
): (socket: Socket) => void {
  return (socket) => {
    const answer = (reply: string | undefined): void => {
      if (reply === "hang-up") socket.destroy();
      else if (reply !== undefined) socket.write(`${reply}\r\n`);
    };
    let isInData = false;
    answer("greeting" in replies ? replies["greeting"] : "220 test ESMTP");
    socket.on("data", (chunk) => {
      const text = chunk.toString("latin1");
      if (isInData) {
        if ("body" in replies) answer(replies["body"]);
        else if (text.endsWith("\r\n.\r\n")) answer(replies["end"] ?? "250 ok");
        return;
      }
      for (const line of text.split("\r\n").filter((part) => part !== "")) {
        const verb = line.split(" ", 1)[0]?.toUpperCase() ?? "";
        const fallback = verb === "DATA" ? "354 go on" : "250 ok";
        const reply = verb in replies ? replies[verb] : fallback;
        if (verb === "DATA" && reply?.startsWith("354") === true) isInData = true;
        answer(reply);
      }
    });
  };
}
