import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test, type TestContext } from "node:test";
import type { SMTPServerOptions } from "smtp-server";
import { systemClock, type Clock } from "../../../../exporter/shared/platform/clock.js";
import { realFiles } from "../../../../exporter/shared/platform/real-files.js";
import { sendHttp } from "../../../../exporter/shared/platform/http/http-client.js";
import { silentLogger } from "../../../../exporter/shared/platform/logger.js";
import { Dispatcher } from "../../../../scraper/alerting/dispatch/dispatcher.js";
import { createMailTransport } from "../../../../scraper/alerting/delivery/mail-transport.js";
import type { NotificationConfig } from "../../../../scraper/alerting/config/notification-config.js";
import { sendTestMail } from "../../../../scraper/alerting/delivery/test-mail.js";
import { alertOf, parseConfig } from "../dispatch/dispatcher-harness.js";
import { startMailServer, type MailServerFixture, type ReceivedMail } from "./smtp-fixture.js";
import { createCertificate, type Certificate } from "../../../support/certificate.js";

let certificate: Certificate;
let folder: string;
before(async () => {
  certificate = createCertificate();
  folder = mkdtempSync(path.join(tmpdir(), "pihealth-mail-"));
  await realFiles.replace(path.join(folder, "ca.pem"), certificate.cert);
  await realFiles.replace(path.join(folder, "password"), "right\n");
});
after(() => rmSync(folder, { recursive: true, force: true }));

/** A mail server that says when a mail has come; closed at the end of the test. */
async function startServer(
  t: TestContext,
  options: SMTPServerOptions = {},
): Promise<MailServerFixture> {
  const fixture = await startMailServer({
    ...certificate,
    onAuth(auth, _session, callback) {
      if (auth.password === "right") callback(null, { user: auth.username });
      else callback(new Error("wrong"));
    },
    ...options,
  });
  t.after(() => fixture.close());
  return fixture;
}

const configFor = (port: number, to: string): NotificationConfig =>
  parseConfig(`
global:
  smtp_smarthost: "127.0.0.1:${port}"
  smtp_from: "Pi Health <pihealth@example.org>"
  smtp_auth_username: anna
  smtp_auth_password_file: ${folder}/password
  smtp_tls_config: { ca_file: ${folder}/ca.pem }
route: { receiver: ops, group_by: [alertname], group_wait: 0s, group_interval: 1s }
receivers: [{ name: ops, email_configs: [{ to: "${to}", send_resolved: true }] }]
`);

/** A clock that makes the waits of retries short, and nothing else. */
const impatientClock = {
  ...systemClock,
  sleep: (delayMs: number, signal?: AbortSignal) =>
    systemClock.sleep(delayMs > 3000 && delayMs < 60_000 ? 10 : delayMs, signal),
  monotonicMs: () => systemClock.monotonicMs() * 1000,
};

async function startDispatcher(
  t: TestContext,
  config: NotificationConfig,
  { name, clock = systemClock }: { name: string; clock?: Clock },
): Promise<Dispatcher> {
  const dispatcher = new Dispatcher({
    config,
    clock,
    files: realFiles,
    folder: path.join(folder, name),
    log: silentLogger,
    timeZone: "Europe/Berlin",
    transports: { mail: createMailTransport(systemClock), http: sendHttp },
    externalUrl: "http://master:8730",
  });
  await dispatcher.start();
  t.after(() => dispatcher.stop());
  return dispatcher;
}

test("From alert to mailbox and back: firing and resolved mails, authenticated and encrypted, in one thread", async (t) => {
  const server = await startServer(t, { authOptional: false });
  const dispatcher = await startDispatcher(
    t,
    configFor(server.port, "anna@example.org, Bert <bert@example.org>"),
    { name: "a" },
  );
  const nowMs = Date.now();
  const labels = { alertname: "CpuHot", instance: "pi1", severity: "warning" };
  await dispatcher.receive([alertOf(labels, nowMs, nowMs + 3_600_000)]);
  const firing = await server.received();
  assert.deepEqual([firing.user, firing.isEncrypted], ["anna", true]);
  assert.deepEqual(firing.envelopeTo, ["anna@example.org", "bert@example.org"]);
  assert.match(firing.raw, /^Subject: \[FIRING:1\] CpuHot \(pi1\)\r$/m);
  assert.match(
    firing.raw,
    /CpuHot on pi1\r\n {2}CpuHot is on\r\n {2}Since: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d CES?T/,
  );
  assert.match(firing.raw, /^ {4}severity = warning\r$/m);
  assert.match(firing.raw, /<meta name=3D"viewport"/);
  await dispatcher.receive([alertOf(labels, nowMs, Date.now())]);
  const resolved = await server.received();
  assert.match(resolved.raw, /^Subject: \[RESOLVED\] CpuHot \(pi1\)\r$/m);
  const threadOf = ({ raw }: ReceivedMail): string | undefined =>
    /^References: (\S+)\r$/m.exec(raw)?.[1];
  assert.ok(threadOf(firing) !== undefined);
  assert.equal(threadOf(firing), threadOf(resolved));
  await dispatcher.stop();
});

test("Greylisting: a server that says 451 first gets the same message again", async (t) => {
  let attempts = 0;
  const server = await startServer(t, {
    onRcptTo(_address, _session, callback) {
      if (++attempts === 1) callback(Object.assign(new Error("greylisted"), { responseCode: 451 }));
      else callback();
    },
  });
  const dispatcher = await startDispatcher(t, configFor(server.port, "anna@example.org"), {
    name: "b",
    clock: impatientClock,
  });
  await dispatcher.receive([alertOf({ alertname: "X" }, Date.now(), Date.now() + 3_600_000)], {
    durable: true,
    isImmediate: () => true,
  });
  await server.received();
  await dispatcher.stop();
  assert.equal(attempts, 2);
  assert.equal(server.mails.length, 1);
});

test("The mail of a refused recipient is set aside, the others get it once", async (t) => {
  const server = await startServer(t, {
    onRcptTo({ address }, _session, callback) {
      if (address.startsWith("gone"))
        callback(Object.assign(new Error("no such user"), { responseCode: 550 }));
      else callback();
    },
  });
  const dispatcher = await startDispatcher(
    t,
    configFor(server.port, "anna@example.org, gone@example.org"),
    { name: "c" },
  );
  await dispatcher.receive([alertOf({ alertname: "X" }, Date.now(), Date.now() + 3_600_000)], {
    durable: true,
    isImmediate: () => true,
  });
  assert.deepEqual((await server.received()).envelopeTo, ["anna@example.org"]);
  await dispatcher.stop();
  const rejected = await realFiles.list(path.join(folder, "c/outbox/rejected"));
  assert.equal(rejected.length, 1);
  assert.match(
    await realFiles.readText(path.join(folder, "c/outbox/rejected", rejected[0]?.name ?? "")),
    /gone@example\.org/,
  );
  assert.deepEqual(
    (await realFiles.list(path.join(folder, "c/outbox"))).map(({ name }) => name),
    ["rejected"],
  );
});

test("The test mail shows the whole dialogue without the password", async (t) => {
  const server = await startServer(t, { authOptional: false });
  const lines: string[] = [];
  const config = configFor(server.port, "anna@example.org");
  await sendTestMail({
    config,
    to: "x@example.org",
    clock: systemClock,
    files: realFiles,
    onDialogue: (line) => lines.push(line),
  });
  const text = lines.join("\n");
  for (const part of [
    /^< 220 /m,
    /^> EHLO localhost$/m,
    /^> STARTTLS$/m,
    /^> AUTH PLAIN \*{8}$/m,
    /^< 235 /m,
    /^> MAIL FROM:<pihealth@example\.org>/m,
    /^> RCPT TO:<x@example\.org>$/m,
    /^> DATA$/m,
    /^< 354 /m,
    /^< 250 /m,
  ])
    assert.match(text, part);
  assert.ok(!text.includes(Buffer.from("\0anna\0right").toString("base64")));
  assert.match((await server.received()).raw, /Subject: \[TEST\] pihealth can send mail/);
});

test("The test mail says what is wrong", async (t) => {
  const server = await startServer(t, {
    authOptional: false,
    onAuth: (_auth, _session, callback) => callback(new Error("wrong")),
  });
  const lines: string[] = [];
  const config = configFor(server.port, "anna@example.org");
  await assert.rejects(
    sendTestMail({
      config,
      clock: systemClock,
      files: realFiles,
      onDialogue: (line) => lines.push(line),
    }),
    /Invalid login/,
  );
  assert.match(
    lines.at(-1) ?? "",
    /^\* Cannot send mail through "127\.0\.0\.1:\d+": Invalid login: 535/,
  );
  const silent = parseConfig("route: { receiver: a }\nreceivers: [{ name: a }]");
  await assert.rejects(
    sendTestMail({
      config: silent,
      clock: systemClock,
      files: realFiles,
      onDialogue: () => undefined,
    }),
    /email_config/,
  );
});
