import assert from "node:assert/strict";
import { test } from "node:test";
import { COLLECTORS } from "../../../exporter/collectors/registry.js";
import { loadExporterConfig } from "../../../exporter/config/config.js";
import { parseScraperConfig } from "../../../scraper/config/config.js";
import { MemoryFiles } from "../../support/memory-files.js";
import { parseConfig } from "../alerting/dispatch/dispatcher-harness.js";

const scrape = (keys: string): string =>
  `scrape_configs: [{ job_name: a, static_configs: [{ targets: ["h:1"] }], ${keys} }]`;
const receiver = (keys: string): string =>
  `{ route: { receiver: r }, receivers: [{ name: r, ${keys} }] }`;

const SCRAPER = [
  [
    "a target that is a URL",
    `scrape_configs: [{ job_name: a, static_configs: [{ targets: ["http://u:HUNTER2@h:1/"] }] }]`,
  ],
  ["a proxy without a scheme", scrape(`proxy_url: "u:HUNTER2@h:1"`)],
  ["a proxy of another scheme", scrape(`proxy_url: "ftp://u:HUNTER2@h:1"`)],
  [
    "a discovery with a user",
    `scrape_configs: [{ job_name: a, http_sd_configs: [{ url: "http://u:HUNTER2@h/" }] }]`,
  ],
  [
    "a discovery of another scheme",
    `scrape_configs: [{ job_name: a, http_sd_configs: [{ url: "ftp://u:HUNTER2@h/" }] }]`,
  ],
  ["basic auth that is a text", scrape(`basic_auth: HUNTER2`)],
  ["a misspelled basic auth", scrape(`basik_auth: { username: a, password: HUNTER2 }`)],
  ["a misspelled password", scrape(`basic_auth: { username: a, passwrd: HUNTER2 }`)],
  ["a key that is a number", scrape(`authorization: { credentials: [HUNTER2] }`)],
  [
    "an Alertmanager with a user",
    `alerting: { alertmanagers: [{ static_configs: [{ targets: ["u:HUNTER2@h:1"] }] }] }`,
  ],
  ["a token in place of its file", `fleet: { token: HUNTER2 }`],
] as const;

const ALERTMANAGER = [
  ["a webhook without a scheme", receiver(`webhook_configs: [{ url: "u:HUNTER2@h:1" }]`)],
  ["a webhook of another scheme", receiver(`webhook_configs: [{ url: "ftp://h/HUNTER2" }]`)],
  ["a webhook with a misspelled key", receiver(`webhook_configs: [{ ulr: "http://h/HUNTER2" }]`)],
  ["a chat with its key", receiver(`slack_configs: [{ api_url: "http://h/HUNTER2" }]`)],
  ["a pager with its key", receiver(`pagerduty_configs: [{ routing_key: HUNTER2 }]`)],
  [
    "a mail with a list for a password",
    receiver(`email_configs: [{ to: a@b.c, auth_password: [HUNTER2] }]`),
  ],
  [
    "a mail with a misspelled password",
    receiver(`email_configs: [{ to: a@b.c, auth_pasword: HUNTER2 }]`),
  ],
  [
    "a global password",
    `{ global: { smtp_auth_pass: HUNTER2 }, route: { receiver: r }, receivers: [{ name: r }] }`,
  ],
] as const;

const EXPORTER = [
  ["a master with a user", `uplink: { masters: ["http://u:HUNTER2@h:1"] }`],
  ["a master with a user and without a scheme", `uplink: { masters: ["u:HUNTER2@h:1"] }`],
  ["a master with a key", `uplink: { masters: ["http://h:1/?key=HUNTER2"] }`],
  ["a token in place of its file", `uplink: { token: HUNTER2 }`],
] as const;

async function errorsOf(read: () => unknown): Promise<string> {
  try {
    await read();
    return "";
  } catch (error) {
    const texts: string[] = [];
    for (let cause: unknown = error; cause instanceof Error; cause = cause.cause)
      texts.push(cause.message);
    return texts.join("\n");
  }
}

for (const [program, cases, read] of [
  ["the scraper", SCRAPER, (text: string) => parseScraperConfig(text, "/a.yml", new MemoryFiles())],
  ["Alertmanager", ALERTMANAGER, (text: string) => parseConfig(text)],
  [
    "the exporter",
    EXPORTER,
    (text: string) => {
      const files = new MemoryFiles();
      files.put("/a.yml", text);
      return loadExporterConfig("/a.yml", files, COLLECTORS);
    },
  ],
] as const) {
  for (const [name, text] of cases) {
    test(`the error of ${program} about ${name} shows no secret`, async () => {
      const message = await errorsOf(() => read(text));
      assert.notEqual(message, "", "it is refused");
      assert.doesNotMatch(message, /HUNTER2/i);
    });
  }
}
