import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { checkConfig } from "../../../../scraper/program/commands/check.js";
import { serveRaw } from "../../../support/loopback-servers.js";

const folder = mkdtempSync(path.join(tmpdir(), "pihealth-check-"));
after(() => rmSync(folder, { recursive: true, force: true }));

async function check(text: string): Promise<string> {
  const file = path.join(folder, "pihealthd.yml");
  writeFileSync(file, text);
  const { lines, succeeded } = await checkConfig(file);
  return `${succeeded ? "OK" : "NO"} ${lines.join("\n")}`;
}

const WEB = "web: {port: 0}\n";

test("check config fails for what would stop the start", async () => {
  writeFileSync(path.join(folder, "short-token"), "x\n");
  writeFileSync(path.join(folder, "plain-file"), "x\n");
  writeFileSync(
    path.join(folder, "bad.yml"),
    "groups: [{name: g, rules: [{record: a, expr: '('}]}]\n",
  );
  writeFileSync(
    path.join(folder, "bad-web.yml"),
    "tls_server_config: {cert_file: plain-file, key_file: plain-file}\n",
  );
  for (const [text, message] of [
    ["fleet: {token_file: none}", /Cannot read fleet token ".*none"/],
    ["fleet: {token_file: short-token}", /must be one line of 16 to 4096/],
    ["web: {config_file: none}", /Cannot load ".*none"/],
    ["web: {config_file: bad-web.yml}", /Cannot use the certificate of web\.config_file/],
    ["web: {listen_address: 203.0.113.1, port: 0}", /Cannot listen on "203\.0\.113\.1:0"/],
    ["storage: {path: plain-file}", /Cannot use data folder ".*plain-file"/],
    ["storage: {path: plain-file/data}", /Cannot use data folder/],
    ["rule_files: [none.yml]", /none\.yml": it does not exist/],
    ["rule_files: [bad.yml]", /parse error/],
    ["notifications: {config: none.yml}", /none\.yml/],
    [
      "scrape_configs: [{job_name: a, tls_config: {ca: no certificate}}]",
      /Cannot use tls_config of job "a"/,
    ],
    ["scrape_configs: [{job_name: a, bearer_token_file: none}]", /bearer_token_file Cannot read/],
  ] as const) {
    const result = await check(`${text.startsWith("web") ? "" : WEB}${text}\n`);
    assert.match(result, /^NO FAILED: /, text);
    assert.match(result, message, text);
  }
});

test("check config warns of patterns that match nothing, and of an address in use", async () => {
  mkdirSync(path.join(folder, "data"));
  chmodSync(path.join(folder, "data"), 0o755);
  const other = await serveRaw();
  const result = await check(
    `web: {port: ${other.port}}
rule_files: ["none/*.yml"]
scrape_configs: [{job_name: a, file_sd_configs: [{files: ["none/*.json"]}]}]
`,
  );
  await other.close();
  assert.match(result, /^OK WARNING: rule_files names ".*none\/\*\.yml", which matches no file\n/);
  assert.match(
    result,
    /file_sd_configs of job "a" names ".*none\/\*\.json", which matches no file/,
  );
  assert.match(result, /WARNING: a program listens on 127\.0\.0\.1:\d+/);
});

test("check config is quiet about a configuration that starts", async () => {
  assert.match(await check(`${WEB}storage: {path: new/folder}\n`), /^OK SUCCESS: [^\n]*$/);
});
