import assert from "node:assert/strict";
import { test } from "node:test";
import { NotificationTemplates } from "../../../../scraper/alerting/messages/notification-templates.js";
import { checkSampleMails } from "../../../../scraper/alerting/messages/sample-mails.js";
import { MemoryFiles } from "../../../support/memory-files.js";
import { parseConfig } from "../dispatch/dispatcher-harness.js";

const NOW_MS = Date.UTC(2026, 10, 29);

for (const { name, part, errors = [], warnings = [] } of [
  { name: "the default mail", part: "send_resolved: true" },
  { name: "labels that may be missing", part: `text: '{{ .CommonLabels.rack | toUpper }}'` },
  {
    name: "a field that does not exist",
    part: `text: '{{ range .Alerts }}{{ .Value }}{{ end }}'`,
    errors: [
      /^Cannot render the mail of receiver "r" for one firing alert: .*can't evaluate field Value/,
    ],
  },
  {
    name: "a template that does not exist",
    part: `text: '{{ template "no" . }}'`,
    errors: [/"no" not defined/],
  },
  { name: "a wrong argument", part: `html: '<p>{{ toUpper 1 }}</p>'`, errors: [/expected string/] },
  { name: "a wrong header", part: `headers: { X-A: '{{ .Nope }}' }`, errors: [/field Nope/] },
  {
    name: "a wrong subject",
    part: `headers: { Subject: '{{ index .Alerts 9 }}' }`,
    errors: [/out of range/],
  },
  {
    name: "a receiver without an address",
    part: `to: '{{ .Status }}'`,
    errors: [/mail of receiver/, /mail about an outage/],
  },
  {
    name: "the second alert, which may be missing",
    part: `text: '{{ (index .Alerts 1).Labels.instance }}'`,
    warnings: [/for one firing alert: .*index out of range: 1/],
  },
  {
    name: "a part of a label, which may be missing",
    part: `text: '{{ slice .CommonLabels.rack 0 2 }}'`,
    warnings: [/for one firing alert: .*slice/],
  },
] as const satisfies readonly SampleCase[]) {
  test(`Sample alerts show whether a mail can be rendered: ${name}`, async () => {
    const to = part.startsWith("to:") ? "" : "to: a@example.org, ";
    const config = parseConfig(`
global: { smtp_smarthost: "127.0.0.1:25", smtp_from: m@example.org }
route: { receiver: r }
receivers: [{ name: r, email_configs: [{ ${to}${part} }] }]
`);
    const templates = await NotificationTemplates.load(config, new MemoryFiles(), () => NOW_MS);
    const found = checkSampleMails(config, templates, NOW_MS);
    assertMatches(found.errors, errors);
    assertMatches(found.warnings, warnings);
  });
}

interface SampleCase {
  readonly name: string;
  readonly part: string;
  readonly errors?: readonly RegExp[];
  readonly warnings?: readonly RegExp[];
}

function assertMatches(texts: readonly string[], patterns: readonly RegExp[]): void {
  assert.equal(texts.length, patterns.length, texts.join("\n"));
  for (const [index, pattern] of patterns.entries()) assert.match(texts[index] ?? "", pattern);
}
