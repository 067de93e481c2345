import assert from "node:assert/strict";
import { test } from "node:test";
import { parseScraperConfig } from "../../../scraper/config/config.js";
import { keysThatNeedRestart } from "../../../scraper/config/restart-keys.js";
import { MemoryFiles } from "../../support/memory-files.js";

const parse = (text: string) =>
  parseScraperConfig(text, "/etc/pihealth/pihealthd.yml", new MemoryFiles());

for (const { text, keys } of [
  { text: "", keys: [] },
  { text: "global: {external_labels: {a: b}}", keys: ["global.external_labels"] },
  { text: "rules: {missing_data: resolve}", keys: ["rules.missing_data"] },
  { text: "storage: {retention: {time: 9d}}\npools: 2", keys: ["pools", "storage"] },
  { text: "query: {timeout: 9s}\nweb: {port: 1}", keys: ["query", "web"] },
  { text: "fleet: {forget_after: 9d}\nlog: {level: debug}", keys: ["fleet", "log"] },
  { text: "backfill: {max_age: 9h}", keys: ["backfill"] },
  { text: "host_logs: {enabled: false}", keys: ["host_logs"] },
  {
    text: "scrape_configs: [{job_name: a}]\nalerting: {}\nglobal: {scrape_interval: 9s}",
    keys: [],
  },
]) {
  test(`A reload names the settings that need a restart: ${JSON.stringify(text)}`, async () => {
    assert.deepEqual(keysThatNeedRestart(await parse(""), await parse(text)), keys);
  });
}
