import assert from "node:assert/strict";
import { test } from "node:test";
import { parseScraperConfig } from "../../../scraper/config/config.js";
import { type BuiltTarget, TargetBuilder } from "../../../scraper/discovery/target-builder.js";
import { assertEvery } from "../../support/assert-every.js";
import { MemoryFiles } from "../../support/memory-files.js";

async function build(
  keys: string,
  address = "pi1:8732",
  labels: Record<string, string> = {},
): Promise<BuiltTarget> {
  const text = `scrape_configs:\n  - job_name: pi\n${keys.replace(/^/gm, "    ")}\n`;
  const config = await parseScraperConfig(text, "/etc/x.yml", new MemoryFiles());
  const job = config.scrapeConfigs[0];
  assert.ok(job !== undefined);
  const [built] = new TargetBuilder(job).build({ targets: [address], labels, isFromRange: false });
  assert.ok(built !== undefined);
  return built;
}

for (const { name, keys, address, labels, url, seen } of [
  {
    name: "nothing else",
    keys: "",
    url: "http://pi1:8732/metrics",
    seen: { instance: "pi1:8732", job: "pi" },
  },
  {
    name: "no port",
    keys: "",
    address: "pi1",
    url: "http://pi1:80/metrics",
    seen: { instance: "pi1", job: "pi" },
  },
  {
    name: "no port with TLS",
    keys: "scheme: https",
    address: "pi1",
    url: "https://pi1:443/metrics",
    seen: { instance: "pi1", job: "pi" },
  },
  {
    name: "an address of IPv6",
    keys: "",
    address: "[FD00:0::1]:9100",
    url: "http://[fd00::1]:9100/metrics",
    seen: { instance: "[FD00:0::1]:9100", job: "pi" },
  },
  {
    name: "parameters",
    keys: "metrics_path: /probe\nparams: {module: [http_2xx, x], target: ['a b&c']}",
    url: "http://pi1:8732/probe?module=http_2xx&module=x&target=a+b%26c",
    seen: { instance: "pi1:8732", job: "pi" },
  },
  {
    name: "a path that must be escaped",
    keys: "metrics_path: /a?b#c",
    url: "http://pi1:8732/a%3Fb%23c",
    seen: { instance: "pi1:8732", job: "pi" },
  },
  {
    name: "labels of its group, which win over the job's",
    keys: "",
    labels: { job: "attic", room: "7", __metrics_path__: "/m" },
    url: "http://pi1:8732/m",
    seen: { instance: "pi1:8732", job: "attic", room: "7" },
  },
  {
    name: "an address that relabelling made, as for probing through an exporter",
    keys: `params: {module: [icmp]}
relabel_configs:
- {source_labels: [__address__], target_label: __param_target}
- {source_labels: [__param_target], target_label: instance}
- {target_label: __address__, replacement: 'blackbox:9115'}`,
    address: "https://example.org/",
    url: "http://blackbox:9115/metrics?module=icmp&target=https%3A%2F%2Fexample.org%2F",
    seen: { instance: "https://example.org/", job: "pi" },
  },
]) {
  test(`A target with ${name}`, async () => {
    const built = await build(keys, address, labels);
    assert.ok(built.kind === "target");
    assert.equal(built.target.url, url);
    assert.deepEqual(built.target.labels.toObject(), seen);
  });
}

test("Relabelling may set the interval and timeout of single targets", async () => {
  const built = await build(
    "relabel_configs: [{target_label: __scrape_interval__, replacement: 1m}]",
  );
  assert.ok(built.kind === "target");
  assert.equal(built.target.settings.intervalMs, 60_000);
  assert.equal(built.target.settings.timeoutMs, 10_000);
});

test("Targets with unchanged interval and timeout share one settings object", async () => {
  const text = "scrape_configs: [{job_name: a, static_configs: [{targets: [a, b]}]}]";
  const config = await parseScraperConfig(text, "/etc/x.yml", new MemoryFiles());
  const job = config.scrapeConfigs[0];
  assert.ok(job !== undefined);
  const built = job.staticGroups.flatMap((group) => new TargetBuilder(job).build(group));
  assertEvery(built, (entry) => entry.kind === "target" && entry.target.settings === job.settings);
});

for (const { name, keys, address, reason } of [
  {
    name: "no address",
    keys: "relabel_configs: [{target_label: __address__, replacement: ''}]",
    reason: /Cannot scrape "": it must be host or host:port/,
  },
  {
    name: "a path in the address",
    keys: "",
    address: "pi1/metrics",
    reason: /Cannot scrape "pi1\/metrics"/,
  },
  {
    name: "a scheme that is none",
    keys: "relabel_configs: [{target_label: __scheme__, replacement: ftp}]",
    reason: /__scheme__ is "ftp", it must be http or https/,
  },
  {
    name: "an interval that is none",
    keys: "relabel_configs: [{target_label: __scrape_interval__, replacement: often}]",
    reason: /Cannot read duration "often"/,
  },
  {
    name: "an interval of nothing",
    keys: "relabel_configs: [{target_label: __scrape_interval__, replacement: 1ms}]",
    reason: /must be at least 100ms/,
  },
  {
    name: "a timeout beyond the interval",
    keys: "relabel_configs: [{target_label: __scrape_timeout__, replacement: 1h}]",
    reason: /must be at most __scrape_interval__/,
  },
]) {
  test(`A target is refused: ${name}`, async () => {
    const built = await build(keys, address);
    assert.ok(built.kind === "invalid");
    assert.match(built.reason, reason);
  });
}

test("Two targets that differ only in a label are two targets", async () => {
  const [one, two] = [await build("", "pi1:1", { a: "1" }), await build("", "pi1:1", { a: "2" })];
  assert.ok(one.kind === "target" && two.kind === "target");
  assert.notEqual(one.target.id, two.target.id);
});
