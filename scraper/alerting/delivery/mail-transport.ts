/**
 * Sends mail over SMTP. A message and a server come in; the refused recipients go out. The only
 * user of nodemailer, which is loaded with the first mail because it takes 12 MB.
 */
import type { Mail, SMTPTransportOptions } from "nodemailer";
import { codeOf, messageOf, PihealthError } from "../../../exporter/shared/model/errors.js";
import { abortReasonOf, onAbort } from "../../../exporter/shared/platform/abort.js";
import type { Clock } from "../../../exporter/shared/platform/clock.js";
import { tlsAgentOptions, type TlsSettings } from "../../http-client/tls-config.js";
import type { MailMessage } from "../messages/outbox-message.js";
import type { Fault } from "./retry-schedule.js";

/** A mail server with the contents of its secrets and certificates. */
export interface MailServer {
  readonly host: string;
  readonly port: number;
  readonly hello: string;
  /** TLS from the first byte, as on port 465. */
  readonly implicitTls: boolean;
  readonly requireTls: boolean;
  readonly tls: TlsSettings;
  readonly auth: MailAuth | undefined;
}

export interface MailAuth {
  readonly username: string;
  readonly password: string | undefined;
  /** For CRAM-MD5. */
  readonly secret: string | undefined;
  readonly identity: string;
}

export interface RefusedRecipient {
  readonly recipient: string;
  readonly reply: string;
  /** False: the server may accept the recipient later. */
  readonly isPermanent: boolean;
}

/** Nobody got the message. */
export class MailError extends PihealthError {
  readonly code = "mail_failed";

  constructor(
    message: string,
    /** Empty when the server did not answer about single recipients. */
    readonly refused: readonly RefusedRecipient[],
    /** True when the server will never take the message. */
    readonly isPermanent: boolean,
    /** What waits before the next attempt. */
    readonly fault: Fault,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

export interface SendMailOptions {
  readonly signal: AbortSignal;
  /** Receives every line of the dialogue without its line break. Secrets are masked. */
  readonly onDialogue?: ((line: string) => void) | undefined;
}

export interface MailTransport {
  /**
   * @returns the recipients that did not get the message while others did
   *
   * @throws {MailError} when nobody got it
   */
  send(
    server: MailServer,
    mail: MailMessage,
    options: SendMailOptions,
  ): Promise<readonly RefusedRecipient[]>;
}

/** All in milliseconds. */
export interface MailTimeouts {
  readonly connection: number;
  readonly greeting: number;
  /** Between two bytes from the server. */
  readonly socket: number;
  /** For the whole dialogue. */
  readonly total: number;
}

export const MAIL_TIMEOUTS: MailTimeouts = {
  connection: 15_000,
  greeting: 15_000,
  socket: 30_000,
  total: 120_000,
};

export function createMailTransport(
  clock: Clock,
  timeouts: MailTimeouts = MAIL_TIMEOUTS,
): MailTransport {
  return {
    async send(server, mail, { signal, onDialogue }) {
      const { createTransport } = await import("nodemailer");
      const transport = createTransport(transportOptions(server, timeouts, onDialogue));
      const deadline = new AbortController();
      const stop = (): void => deadline.abort(new Error("stopped"));
      const stopListening = onAbort(signal, stop);
      if (signal.aborted) stop();
      const tooLate = new Error(`the dialogue took longer than ${timeouts.total}ms`);
      const timer = clock
        .sleep(timeouts.total, deadline.signal)
        .then(() => deadline.abort(tooLate));
      try {
        const info = await transport.sendMail({ ...messageOptions(mail), signal: deadline.signal });
        return (info.rejectedErrors ?? []).map(refusedRecipient);
      } catch (error) {
        const { signal: ended } = deadline;
        throw toMailError(ended.aborted ? abortReasonOf(ended) : error, server);
      } finally {
        stopListening();
        deadline.abort(new Error("done"));
        await timer.catch(() => undefined); // Ends with the abort above.
        transport.close();
      }
    },
  };
}

const MAX_REPLY_BYTES = 65_536;

function transportOptions(
  server: MailServer,
  timeouts: MailTimeouts,
  onDialogue: ((line: string) => void) | undefined,
): SMTPTransportOptions {
  const { auth } = server;
  return {
    host: server.host,
    port: server.port,
    name: server.hello,
    secure: server.implicitTls,
    requireTLS: server.requireTls && !server.implicitTls,
    ignoreTLS: !server.requireTls,
    tls: { minVersion: "TLSv1.2", ...tlsAgentOptions(server.tls) },
    connectionTimeout: timeouts.connection,
    greetingTimeout: timeouts.greeting,
    socketTimeout: timeouts.socket,
    dnsTimeout: timeouts.connection,
    maxResponseSize: MAX_REPLY_BYTES,
    disableFileAccess: true,
    disableUrlAccess: true,
    ...(auth === undefined ? {} : authOptions(auth)),
    ...(onDialogue === undefined ? {} : { debug: true, logger: dialogueLogger(onDialogue, auth) }),
  };
}

type CustomAuthContext = Parameters<NonNullable<SMTPTransportOptions["customAuth"]>[string]>[0];

/**
 * Selects CRAM-MD5 when there is only a secret, and PLAIN with the identity when there is one:
 * nodemailer does not support identities.
 */
function authOptions({ username, password, secret, identity }: MailAuth): SMTPTransportOptions {
  const auth = { user: username, pass: password ?? secret ?? "" };
  if (password === undefined) return { auth: { ...auth, method: "CRAM-MD5" } };
  if (identity === "") return { auth };
  const initial = Buffer.from(`${identity}\0${username}\0${password}`).toString("base64");
  const plain = async (context: CustomAuthContext): Promise<void> => {
    const reply = await context.sendCommand(`AUTH PLAIN ${initial}`);
    if (reply.status !== 235) throw new Error(`Invalid login: ${reply.response}`);
  };
  return { auth: { ...auth, type: "custom", method: "PLAIN" }, customAuth: { PLAIN: plain } };
}

function messageOptions(mail: MailMessage): Mail.Options {
  return {
    envelope: { from: mail.envelopeFrom, to: [...mail.recipients] },
    from: mail.from,
    to: mail.to,
    subject: mail.subject,
    ...(mail.text === "" ? {} : { text: mail.text }),
    ...(mail.html === "" ? {} : { html: mail.html }),
    messageId: mail.messageId,
    inReplyTo: mail.thread,
    references: mail.thread,
    date: new Date(mail.dateMs),
    textEncoding: "quoted-printable",
    headers: [
      { key: "Auto-Submitted", value: "auto-generated" },
      { key: "X-Auto-Response-Suppress", value: "All" },
      ...mail.headers.map(({ name, value }) => ({ key: name, value })),
    ],
    disableFileAccess: true,
    disableUrlAccess: true,
  };
}

interface SmtpFailure {
  readonly responseCode?: number | undefined;
  readonly response?: string | undefined;
  readonly recipient?: string | undefined;
  readonly rejectedErrors?: readonly SmtpFailure[] | undefined;
  readonly message?: string | undefined;
}

/** RFC 4954: authentication is missing or wrong. The message waits until a person corrects it. */
const AUTHENTICATION_REPLIES = new Set([530, 534, 535, 538]);

function toMailError(error: unknown, { host, port }: MailServer): MailError {
  const failure: SmtpFailure = error instanceof Error ? error : {};
  const reply = failure.responseCode ?? 0;
  const fault = faultOf(error, reply);
  // Without a reply, nodemailer itself rejected the addresses.
  const isPermanent = fault === "message" && (reply >= 500 || reply === 0);
  const refused = fault === "message" ? (failure.rejectedErrors ?? []).map(refusedRecipient) : [];
  const message = `Cannot send mail through "${host}:${port}": ${messageOf(error)}`;
  return new MailError(message, refused, isPermanent, fault, { cause: error });
}

/** Codes of nodemailer for a server that cannot be reached. */
const CONNECTION_CODES = new Set(["EDNS", "ESOCKET"]);
/** Phases of nodemailer before the server has said anything. */
const CONNECTION_TIMEOUTS = new Set(["CONNECT_TIMEOUT", "GREETING_TIMEOUT"]);

function timeoutTypeOf(error: unknown): string {
  return error instanceof Error && "timeoutType" in error ? String(error.timeoutType) : "";
}

function faultOf(error: unknown, reply: number): Fault {
  const code = codeOf(error) ?? "";
  if (AUTHENTICATION_REPLIES.has(reply) || code === "EAUTH") return "denied";
  if (reply === 421) return "unavailable";
  if (code === "EENVELOPE" || code === "EMESSAGE") return "message";
  const isTimeoutOfConnection =
    code === "ETIMEDOUT" && CONNECTION_TIMEOUTS.has(timeoutTypeOf(error));
  // TLS is set for each receiver, so a certificate that is refused is the receiver's fault.
  const isTls = /certificate|tls|ssl|self.signed|altname/i.test(messageOf(error));
  if (isTimeoutOfConnection || (CONNECTION_CODES.has(code) && !isTls)) return "connection";
  return "unavailable";
}

function refusedRecipient(failure: SmtpFailure): RefusedRecipient {
  return {
    recipient: failure.recipient ?? "",
    reply: failure.response ?? failure.message ?? "",
    isPermanent: (failure.responseCode ?? 0) >= 500,
  };
}

const MASK = "********";
const NODEMAILER_MASK = "/* secret */";

/** A logger for nodemailer that passes on the dialogue only. */
function dialogueLogger(
  onDialogue: (line: string) => void,
  auth: MailAuth | undefined,
): { debug: LogFunction } {
  const secrets = [auth?.password, auth?.secret].flatMap((secret) =>
    secret === undefined || secret === "" ? [] : [secret],
  );
  const mask = (line: string): string =>
    secrets.reduce<string>((text, secret) => text.replaceAll(secret, MASK), maskCredentials(line));
  return {
    debug(entry, message) {
      const arrow = { client: ">", server: "<" }[entry.tnx ?? ""];
      if (arrow === undefined || typeof message !== "string") return;
      for (const line of message.split(/\r?\n/)) onDialogue(`${arrow} ${mask(line)}`);
    },
  };
}

type LogFunction = (entry: { readonly tnx?: string }, message?: unknown) => void;

/** Nodemailer logs credentials in base64, with a mark of its own in place of the password. */
function maskCredentials(line: string): string {
  return line
    .replace(/[A-Za-z0-9+/]{8,}={0,2}$/, (word) =>
      Buffer.from(word, "base64").toString("utf8").includes(NODEMAILER_MASK) ? MASK : word,
    )
    .replaceAll(NODEMAILER_MASK, MASK);
}
