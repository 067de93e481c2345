import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ConfigError } from "../../../exporter/shared/config/yaml-source.js";
import { BadInputError } from "../../../exporter/shared/model/errors.js";
import { parseScraperConfig } from "../../../scraper/config/config.js";
import { parseRangeExpression } from "../../../scraper/discovery/range-expression.js";
import { parseHostPort } from "../../../scraper/fleet/ip-address.js";
import { MemoryFiles } from "../../support/memory-files.js";

const KEYS = [
  "global",
  "scrape_configs",
  "job_name",
  "static_configs",
  "targets",
  "labels",
  "range_sd_configs",
  "hosts",
  "port",
  "relabel_configs",
  "regex",
  "action",
  "basic_auth",
  "password",
  "tls_config",
  "alerting",
  "alertmanagers",
  "storage",
  "retention",
  "web",
  "port",
  "rule_files",
  "external_labels",
  "params",
  "__proto__",
  "constructor",
];

/** Trees of configuration keys, in places where they belong and where they do not. */
const tree = fc.letrec((tie) => ({
  node: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.oneof(
      fc.string(),
      fc.integer(),
      fc.double(),
      fc.boolean(),
      fc.constant(null),
      fc.constantFrom("15s", "pi1:8732"),
    ),
    fc.array(tie("node"), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom(...KEYS), tie("node"), { maxKeys: 4 }),
  ),
})).node;

test("Any content of a configuration is read, or refused with a message that names the file", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.dictionary(fc.constantFrom(...KEYS), tree, { maxKeys: 5 }),
      async (content) => {
        try {
          await parseScraperConfig(JSON.stringify(content), "/etc/fuzz.yml", new MemoryFiles());
        } catch (error) {
          assert.ok(error instanceof ConfigError, String(error));
          assert.match(error.message, /^Cannot load "\/etc\/fuzz\.yml"/);
        }
      },
    ),
    { numRuns: 1000, seed: 1 },
  );
});

test("Any bytes of a configuration are read or refused", async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: "binary", maxLength: 200 }), async (text) => {
      await parseScraperConfig(text, "/etc/fuzz.yml", new MemoryFiles()).catch((error: unknown) => {
        assert.ok(error instanceof ConfigError, String(error));
      });
    }),
    { numRuns: 500, seed: 2 },
  );
});

test("Any range contains exactly the addresses that it lists, or is refused", () => {
  const part = fc.oneof(
    fc.ipV4(),
    fc.ipV6(),
    fc.string({ maxLength: 20 }),
    fc.constantFrom("pi1", "pi9.lan", "10.0.0.1"),
  );
  const glue = fc.constantFrom("", "-", "..", "/", "/28", "/124", " - ");
  fc.assert(
    fc.property(part, glue, part, (left, middle, right) => {
      try {
        const range = parseRangeExpression(
          middle.startsWith("/1") || middle === "" ? left + middle : left + middle + right,
        );
        if (range.size > 300) return;
        const hosts = [...range.hosts()];
        assert.equal(hosts.length, range.size);
        for (const host of hosts) {
          assert.deepEqual(parseHostPort(host.includes(":") ? `[${host}]` : host)?.host, host);
          if (/^[\d.]+$|:/.test(host)) assert.ok(range.contains(host), host);
        }
      } catch (error) {
        if (!(error instanceof BadInputError)) throw error;
      }
    }),
    { numRuns: 2000, seed: 3 },
  );
});
