import assert from "node:assert/strict";
import { after, test } from "node:test";
import { startExporter } from "../../../exporter/app/app.js";
import { COLLECTORS } from "../../../exporter/collectors/registry.js";
import { loadExporterConfig } from "../../../exporter/config/config.js";
import { silentLogger } from "../../../exporter/shared/platform/logger.js";
import { FakeClock } from "../../support/fake-clock.js";
import { ALL_METHODS, assertRefusedClearly } from "../../support/hostile-requests.js";
import { MemoryFiles } from "../../support/memory-files.js";

const TOKEN = "a-token-for-this-test";
const files = new MemoryFiles();
files.put("/etc/pihealth/token", `${TOKEN}\n`);
files.put(
  "/etc/pihealth/exporter.yml",
  "{ state: /state, uplink: { masters: ['http://10.0.0.1:8730'], token_file: token } }",
);
files.put("/proc/sys/kernel/random/boot_id", "8859f9e1-e0c4-4b5b-afee-c9b0e4368736\n");
files.put("/proc/uptime", "100.00 50.00\n");
const config = await loadExporterConfig("/etc/pihealth/exporter.yml", files, COLLECTORS);
const clock = new FakeClock();
const app = await startExporter(
  { ...config, listen: { address: "127.0.0.1", port: 0 } },
  {
    clock,
    files,
    sendHttp: async () => ({ status: 503, headers: {}, body: Buffer.alloc(0) }),
    resolveHost: async () => [],
    log: silentLogger,
    hostname: "pi",
    version: "0.0.0",
    random: () => 0.5,
    boot: { bootId: "8859f9e1-e0c4-4b5b-afee-c9b0e4368736", bootMs: () => 1 },
  },
);
after(() => app.stop());

const headers = { authorization: `Bearer ${TOKEN}` };
const paths = app.routes.map(({ path }) => path);
const pathOf = (pattern: string, part = "x"): string => pattern.replace(/:\w+/g, part);

test("the routes of the exporter are found, those of the history included", () => {
  assert.ok(paths.includes("/metrics"));
  assert.ok(
    paths.some((path) => path.includes(":")),
    paths.join(" "),
  );
});

const QUERIES = ["", "%", "%ff", "a=1&a=-1", "a".repeat(15_000), "x=NaN", "[]={}"];

test("every route answers every method and every query string", async () => {
  await assertRefusedClearly(
    app.port,
    paths.flatMap((pattern) =>
      ALL_METHODS.flatMap((method) =>
        QUERIES.flatMap((query) => [
          { method, path: `${pathOf(pattern)}?${query}` },
          { method, path: `${pathOf(pattern)}?${query}`, headers },
        ]),
      ),
    ),
  );
});

const PARTS = ["%ff", "%00", "..%2f..", "%", "a".repeat(5000), "__proto__", "%E2%80%AE", "-1"];
const HEADERS: readonly Readonly<Record<string, string>>[] = [
  { range: "bytes=-1" },
  { range: "bytes=5-1" },
  { range: "bytes=0-99999999999999999999" },
  { range: "bytes=NaN-" },
  { range: "lines=0-1" },
  { accept: "\u00ff;q=NaN,,,", "accept-encoding": "rot13;q=-1" },
  { authorization: "Bearer" },
  { authorization: `Basic ${"x".repeat(5000)}` },
];

test("named parts of a path and headers may be anything", async () => {
  await assertRefusedClearly(
    app.port,
    paths.flatMap((pattern) => [
      ...PARTS.map((part) => ({ method: "GET", path: pathOf(pattern, part), headers })),
      ...HEADERS.map((more) => ({
        method: "GET",
        path: pathOf(pattern),
        headers: { ...headers, ...more },
      })),
    ]),
  );
});

test("every route bears a body", async () => {
  const bodies = ["{", "[]", Buffer.from([0xff, 0xfe]), "x".repeat(100_000)];
  await assertRefusedClearly(
    app.port,
    paths.flatMap((pattern) =>
      ["GET", "POST", "PUT"].flatMap((method) =>
        bodies.map((body) => ({ method, path: pathOf(pattern), headers, body })),
      ),
    ),
  );
});
