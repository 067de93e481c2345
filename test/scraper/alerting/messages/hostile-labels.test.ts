import assert from "node:assert/strict";
import { test } from "node:test";
import { Labels } from "../../../../exporter/shared/model/labels.js";
import { createLogger } from "../../../../exporter/shared/platform/logger.js";
import { fingerprintOf } from "../../../../scraper/alerting/alerts/alert-fingerprint.js";
import type { StoredAlert } from "../../../../scraper/alerting/alerts/alert-store.js";
import type { MailMessage } from "../../../../scraper/alerting/messages/outbox-message.js";
import { renderEmail } from "../../../../scraper/alerting/messages/email.js";
import { NotificationTemplates } from "../../../../scraper/alerting/messages/notification-templates.js";
import { present } from "../../../../exporter/shared/model/get-or-throw.js";
import { oneLine } from "../../../../scraper/host-logs/host-log.js";
import { MemoryFiles } from "../../../support/memory-files.js";
import { parseConfig } from "../dispatch/dispatcher-harness.js";

const NOW_MS = Date.UTC(2026, 10, 29);

const HOSTILE = [
  ["a line feed", "\n"],
  ["a carriage return", "\r"],
  ["both", "\r\n"],
  ["a line separator", "\u2028"],
  ["a paragraph separator", "\u2029"],
  ["a next line", "\u0085"],
  ["a terminal escape", "\u001b[2J"],
  ["a bell", "\u0007"],
  ["a right-to-left override", "\u202e"],
  ["an isolate", "\u2067"],
  ["a right-to-left mark", "\u200f"],
  ["a NUL", "\u0000"],
] as const;

/** Everything that no output for people may contain; line feeds are compared by number. */
const UNSAFE = /(?!\r?\n)[\p{Cc}\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;

function alertWith(value: string): StoredAlert {
  const labels = Labels.of({ alertname: value, instance: value, rack: value, severity: value });
  return {
    labels,
    annotations: Labels.of({ summary: value, description: value, value, runbook_url: value }),
    startsAtMs: NOW_MS - 60_000,
    endsAtMs: NOW_MS + 60_000,
    generatorUrl: value,
    fingerprint: fingerprintOf(labels),
    updatedAtMs: NOW_MS,
    endsByTimeout: false,
    isImmediate: false,
    isDurable: false,
  };
}

async function mailAbout(value: string, part = ""): Promise<MailMessage> {
  const config = parseConfig(`
global: { smtp_smarthost: "127.0.0.1:25", smtp_from: m@example.org }
route: { receiver: r }
receivers:
  - name: r
    email_configs: [{ to: a@example.org, headers: { X-Rack: "{{ .CommonLabels.rack }}" } ${part} }]
`);
  const templates = await NotificationTemplates.load(config, new MemoryFiles(), () => NOW_MS);
  const integration = present(config.receivers.get("r")?.integrations[0], "the integration");
  assert.ok(integration.kind === "email");
  return renderEmail({
    notification: {
      receiver: "r",
      groupKey: "{}",
      groupLabels: Labels.of({ alertname: value }),
      alerts: [alertWith(value)],
      nowMs: NOW_MS,
      externalUrl: "http://master.example:8730",
    },
    templates: templates.of(integration),
    integrationId: "r/email[0]",
    threadMs: NOW_MS,
    timeZone: "UTC",
  });
}

const headerTexts = ({ subject, from, to, messageId, thread, headers }: MailMessage): string[] => [
  ...[subject, from, to, messageId, thread],
  ...headers.flatMap(({ name, value }) => [name, value]),
];

/** Lines of a text that begin a paragraph: a forged alert or header would be one. */
const outerLines = (text: string): string[] => text.split("\n").filter((line) => /^\S/.test(line));

const plain = await mailAbout("disk full Bcc: x@example.org");

for (const [name, character] of HOSTILE) {
  const value = `disk full${character}Bcc: x@example.org`;

  test(`${name} in label values adds no line and no header to a mail`, async () => {
    const mail = await mailAbout(value);
    for (const text of headerTexts(mail)) assert.doesNotMatch(text, /[\n\p{Cc}]/u);
    for (const text of [...headerTexts(mail), mail.text, mail.html])
      assert.doesNotMatch(text, UNSAFE);
    assert.deepEqual(
      mail.headers.map((header) => header.name),
      ["X-Rack"],
    );
    assert.equal(outerLines(mail.text).length, outerLines(plain.text).length, mail.text);
    assert.doesNotMatch(mail.html, /\\u[0-9a-f]{4}\S*>/, "no tag is changed");
  });

  test(`${name} adds no line to a log for people or to the log of a program`, () => {
    assert.doesNotMatch(oneLine(value), /[\n\p{Cc}\p{Cf}\u2028\u2029]/u);
    const lines: string[] = [];
    const log = createLogger({
      level: "debug",
      wallMs: () => NOW_MS,
      write: (line) => lines.push(line),
      journald: true,
    });
    log.warn(`Cannot read ${value}`, { value });
    assert.equal(lines.length, 1);
    assert.doesNotMatch(lines.join(""), /[\n\p{Cc}\p{Cf}\u2028\u2029]/u);
  });
}

test("further lines of a description are indented, so they cannot look like another alert", async () => {
  const { text } = await mailAbout("two\nlines");
  assert.match(text, /^two\\nlines on two\\nlines$/m);
  assert.match(text, /^ {2}two\n {4}lines$/m);
  assert.match(text, /^ {4}rack = two\\nlines$/m);
});

test("templates of a user have the raw value, whose unsafe characters are escaped in the mail", async () => {
  const { text } = await mailAbout("a\rb\u202ec", `, text: "{{ .CommonLabels.rack }}"`);
  assert.equal(text, "a\\u000db\\u202ec");
});
