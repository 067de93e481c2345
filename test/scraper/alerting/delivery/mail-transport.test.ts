import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { systemClock } from "../../../../exporter/shared/platform/clock.js";
import {
  createMailTransport,
  MailError,
  type MailServer,
  type MailTimeouts,
} from "../../../../scraper/alerting/delivery/mail-transport.js";
import type { MailMessage } from "../../../../scraper/alerting/messages/outbox-message.js";
import { dialogue, startMailServer, type MailServerFixture } from "./smtp-fixture.js";
import { createCertificate, type Certificate } from "../../../support/certificate.js";
import { serveRaw } from "../../../support/loopback-servers.js";

const MAIL: MailMessage = {
  envelopeFrom: "pihealth@example.org",
  recipients: ["anna@example.org", "bert@example.org"],
  from: '"Pi Health" <pihealth@example.org>',
  to: "anna@example.org, Bert <bert@example.org>",
  subject: "[FIRING:1] Wärme über 70 °C",
  text: "Zeile eins\n.\nZeile drei\n",
  html: "<p>Zeile</p>",
  messageId: "<m1@example.org>",
  thread: "<t1@example.org>",
  dateMs: Date.UTC(2026, 0, 12, 15, 0, 28),
  headers: [{ name: "X-Team", value: "ops" }],
};
const GENEROUS: MailTimeouts = {
  connection: 120_000,
  greeting: 120_000,
  socket: 120_000,
  total: 240_000,
};
/** The silence of a socket lasts longer than its greeting may take: which timer ends first is certain. */
const SHORT: MailTimeouts = { connection: 300, greeting: 300, socket: 900, total: 60_000 };
const never = new AbortController().signal;

let certificate: Certificate;
before(() => (certificate = createCertificate()));

const serverAt = (port: number, changes: Partial<MailServer> = {}): MailServer => ({
  host: "127.0.0.1",
  port,
  hello: "pi.example.org",
  implicitTls: false,
  requireTls: true,
  tls: { ca: certificate.cert, insecureSkipVerify: false },
  auth: undefined,
  ...changes,
});
const login = (password: string): Partial<MailServer> => ({
  auth: { username: "anna", password, secret: undefined, identity: "" },
});

const fixtures: { close(): unknown }[] = [];
after(() => Promise.all(fixtures.map((fixture) => fixture.close())));

async function mailServer(
  options: Parameters<typeof startMailServer>[0],
): Promise<MailServerFixture> {
  const fixture = await startMailServer({
    key: certificate.key,
    cert: certificate.cert,
    ...options,
  });
  fixtures.push(fixture);
  return fixture;
}

async function scripted(replies: Parameters<typeof dialogue>[0]): Promise<number> {
  const fixture = await serveRaw(dialogue(replies));
  fixtures.push(fixture);
  return fixture.port;
}

const send = (
  server: MailServer,
  mail = MAIL,
  timeouts = GENEROUS,
  onDialogue?: (line: string) => void,
) => createMailTransport(systemClock, timeouts).send(server, mail, { signal: never, onDialogue });

test("STARTTLS: one message with both parts reaches every recipient, encrypted", async () => {
  const server = await mailServer({ disabledCommands: ["AUTH"] });
  assert.deepEqual(await send(serverAt(server.port), MAIL, GENEROUS), []);
  const [mail] = server.mails;
  assert.ok(mail !== undefined && server.mails.length === 1);
  assert.equal(mail.isEncrypted, true);
  assert.equal(mail.envelopeFrom, "pihealth@example.org");
  assert.deepEqual(mail.envelopeTo, ["anna@example.org", "bert@example.org"]);
  const [head = "", ...body] = mail.raw.split("\r\n\r\n");
  const unfolded = head.replace(/\r\n[ \t]+/g, " ");
  for (const line of [
    /^From: "?Pi Health"? <pihealth@example\.org>$/m,
    /^To: anna@example\.org, "?Bert"? <bert@example\.org>$/m,
    /^Message-ID: <m1@example\.org>$/m,
    /^References: <t1@example\.org>$/m,
    /^In-Reply-To: <t1@example\.org>$/m,
    /^Date: Mon, 12 Jan 2026 15:00:28 \+0000$/m,
    /^X-Team: ops$/m,
    /^Auto-Submitted: auto-generated$/m,
    /^Subject: =\?UTF-8\?Q\?=5BFIRING=3A1=5D_W=C3=A4rme/m,
    /^Content-Type: multipart\/alternative;/m,
  ])
    assert.match(unfolded, line);
  const parts = body.join("\r\n\r\n");
  assert.match(parts, /Content-Type: text\/plain[\s\S]*Zeile eins\r\n\.\r\nZeile drei/);
  assert.match(parts, /Content-Type: text\/html[\s\S]*<p>Zeile<\/p>/);
});

test("Implicit TLS: the connection is encrypted from the first byte", async () => {
  const server = await mailServer({ secure: true });
  await send(serverAt(server.port, { implicitTls: true }));
  assert.deepEqual(
    server.mails.map(({ isEncrypted }) => isEncrypted),
    [true],
  );
});

const tlsOf = ({ ca, serverName }: { ca?: string; serverName?: string }): MailServer["tls"] => ({
  insecureSkipVerify: false,
  ...(ca === undefined ? {} : { ca: certificate.cert }),
  ...(serverName === undefined ? {} : { serverName }),
});

for (const [name, changes, reason] of [
  ["its certificate is not trusted", {}, /self.signed/],
  [
    "the certificate is for another name",
    { ca: "own", serverName: "mail.example.org" },
    /altnames|does not match/,
  ],
] as const) {
  test(`A server is not trusted when ${name}`, async () => {
    const server = await mailServer({});
    await assert.rejects(
      send(serverAt(server.port, { tls: tlsOf(changes) }), MAIL, GENEROUS),
      (error: MailError) => {
        assert.match(error.message, reason);
        return error.fault === "unavailable" && !error.isPermanent;
      },
    );
    assert.equal(server.mails.length, 0);
  });
}

test("An untrusted certificate is accepted when verification is off", async () => {
  const server = await mailServer({});
  await send(serverAt(server.port, { tls: { insecureSkipVerify: true } }), MAIL, GENEROUS);
  assert.equal(server.mails.length, 1);
});

test("Nothing is sent in clear to a server without STARTTLS, unless the configuration allows it", async () => {
  const server = await mailServer({ disabledCommands: ["STARTTLS", "AUTH"] });
  await assert.rejects(
    send(serverAt(server.port), MAIL, GENEROUS),
    (error: MailError) => error.fault === "unavailable",
  );
  assert.equal(server.mails.length, 0);
  await send(serverAt(server.port, { requireTls: false }), MAIL, GENEROUS);
  assert.deepEqual(
    server.mails.map(({ isEncrypted }) => isEncrypted),
    [false],
  );
});

for (const method of ["PLAIN", "LOGIN", "CRAM-MD5"]) {
  test(`AUTH ${method}: the right password is accepted, with a wrong one the message waits`, async () => {
    const seen: string[] = [];
    const server = await mailServer({
      authMethods: [method],
      authOptional: false,
      onAuth(auth, _session, callback) {
        const isRight =
          auth.method === "CRAM-MD5"
            ? auth.validatePassword("right-password")
            : auth.password === "right-password";
        if (isRight) callback(null, { user: auth.username });
        else callback(new Error("no such user or password"));
      },
    });
    const secretOf = (password: string): Partial<MailServer> =>
      method === "CRAM-MD5"
        ? { auth: { username: "anna", password: undefined, secret: password, identity: "" } }
        : login(password);
    await send(serverAt(server.port, secretOf("right-password")), MAIL, GENEROUS, (line) =>
      seen.push(line),
    );
    assert.deepEqual(
      server.mails.map(({ user }) => user),
      ["anna"],
    );
    const wrong = send(serverAt(server.port, secretOf("wrong-password")), MAIL, GENEROUS, (line) =>
      seen.push(line),
    );
    await assert.rejects(
      wrong,
      (error: MailError) => error.fault === "denied" && !error.isPermanent,
    );
    assert.equal(server.mails.length, 1);
    const dialogueText = seen.join("\n");
    assert.match(dialogueText, new RegExp(`> AUTH ${method}`));
    assert.match(dialogueText, /\*{8}/);
    for (const password of ["right-password", "wrong-password"]) {
      assert.ok(!dialogueText.includes(password));
      assert.ok(!dialogueText.includes(Buffer.from(password).toString("base64").slice(0, 16)));
      assert.ok(!dialogueText.includes(Buffer.from(`\0anna\0${password}`).toString("base64")));
    }
  });
}

test("AUTH PLAIN with an identity sends the identity and shows no password", async () => {
  const lines: string[] = [];
  const received: string[] = [];
  const server = await serveRaw((socket) => {
    socket.on("data", (chunk) => received.push(chunk.toString()));
    dialogue({ EHLO: "250-test\r\n250 AUTH PLAIN", AUTH: "235 welcome" })(socket);
  });
  fixtures.push(server);
  const auth = { username: "anna", password: "geheim", secret: undefined, identity: "boss" };
  await send(serverAt(server.port, { requireTls: false, auth }), MAIL, GENEROUS, (line) =>
    lines.push(line),
  );
  assert.ok(
    received
      .join("")
      .includes(`AUTH PLAIN ${Buffer.from("boss\0anna\0geheim").toString("base64")}`),
  );
  assert.ok(lines.includes("> AUTH PLAIN ********"), lines.join("\n"));
});

test("A recipient that is refused does not keep the others from getting the message", async () => {
  const server = await mailServer({
    onRcptTo({ address }, _session, callback) {
      if (address.startsWith("bert"))
        callback(Object.assign(new Error("no such user"), { responseCode: 550 }));
      else callback();
    },
  });
  const refused = await send(serverAt(server.port), MAIL, GENEROUS);
  assert.deepEqual(
    refused.map(({ recipient, isPermanent }) => [recipient, isPermanent]),
    [["bert@example.org", true]],
  );
  assert.match(refused[0]?.reply ?? "", /550.*no such user/);
  assert.deepEqual(server.mails[0]?.envelopeTo, ["anna@example.org"]);
});

type Verdict = Pick<MailError, "isPermanent" | "fault">;
const SERVER_WAITS: Verdict = { isPermanent: false, fault: "connection" };
const RECEIVER_WAITS: Verdict = { isPermanent: false, fault: "unavailable" };
const DENIED: Verdict = { isPermanent: false, fault: "denied" };
const TRY_LATER: Verdict = { isPermanent: false, fault: "message" };
const GIVE_UP: Verdict = { isPermanent: true, fault: "message" };

for (const { name, replies, verdict } of [
  { name: "refuses every recipient", replies: { RCPT: "550 5.1.1 unknown" }, verdict: GIVE_UP },
  { name: "defers every recipient", replies: { RCPT: "451 4.7.1 greylisted" }, verdict: TRY_LATER },
  { name: "refuses the sender", replies: { MAIL: "553 sender not allowed" }, verdict: GIVE_UP },
  {
    name: "wants authentication",
    replies: { MAIL: "530 5.7.0 authentication required" },
    verdict: DENIED,
  },
  { name: "refuses the content", replies: { end: "554 5.7.1 looks like spam" }, verdict: GIVE_UP },
  { name: "has no room now", replies: { end: "452 4.3.1 disk full" }, verdict: TRY_LATER },
  { name: "goes down", replies: { MAIL: "421 4.3.2 going down" }, verdict: RECEIVER_WAITS },
  {
    name: "does not want to talk",
    replies: { greeting: "554 no service" },
    verdict: RECEIVER_WAITS,
  },
  {
    name: "says rubbish",
    replies: { greeting: "HTTP/1.1 400 Bad Request" },
    verdict: RECEIVER_WAITS,
  },
  { name: "stalls before its greeting", replies: { greeting: undefined }, verdict: SERVER_WAITS },
  { name: "stalls after EHLO", replies: { EHLO: undefined }, verdict: RECEIVER_WAITS },
  { name: "stalls in DATA", replies: { body: undefined }, verdict: RECEIVER_WAITS },
  {
    name: "drops the connection at once",
    replies: { greeting: "hang-up" },
    verdict: RECEIVER_WAITS,
  },
  { name: "drops the connection in DATA", replies: { body: "hang-up" }, verdict: RECEIVER_WAITS },
]) {
  test(`The verdict is right when the server ${name}`, async () => {
    const port = await scripted(replies);
    const timeouts = Object.values(replies).includes(undefined) ? SHORT : GENEROUS;
    await assert.rejects(
      send(serverAt(port, { requireTls: false }), MAIL, timeouts),
      (error: unknown) => {
        assert.ok(error instanceof MailError);
        const { isPermanent, fault } = error;
        const perRecipient = error.refused.map((refusal) => refusal.isPermanent);
        if (perRecipient.length > 0)
          assert.deepEqual(perRecipient, [verdict.isPermanent, verdict.isPermanent]);
        assert.deepEqual({ isPermanent, fault }, verdict);
        return true;
      },
    );
  });
}

test("A server that answers for ever, one byte at a time, is cut off after the total timeout", async () => {
  const server = await serveRaw((socket) => {
    const drip = setInterval(() => socket.write("2"), 50);
    socket.on("close", () => clearInterval(drip));
  });
  fixtures.push(server);
  await assert.rejects(
    send(serverAt(server.port, { requireTls: false }), MAIL, {
      connection: 120_000,
      greeting: 120_000,
      socket: 120_000,
      total: 400,
    }),
    (error: MailError) => error.fault === "unavailable" && /longer than 400ms/.test(error.message),
  );
});

test("A server that does not listen is a server problem: the message waits", async () => {
  const port = await scripted({});
  const closed = fixtures.pop();
  await closed?.close();
  await assert.rejects(
    send(serverAt(port)),
    (error: MailError) => error.fault === "connection" && !error.isPermanent,
  );
});
