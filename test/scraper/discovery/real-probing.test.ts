import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import net from "node:net";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { systemClock } from "../../../exporter/shared/platform/clock.js";
import { sendHttp } from "../../../exporter/shared/platform/http/http-client.js";
import { silentLogger } from "../../../exporter/shared/platform/logger.js";
import { parseScraperConfig } from "../../../scraper/config/config.js";
import { DiscoveryManager } from "../../../scraper/discovery/discovery-manager.js";
import { Fleet } from "../../../scraper/fleet/fleet.js";
import { MemoryFiles } from "../../support/memory-files.js";
import { freePort } from "../../support/loopback-servers.js";

/** A node_exporter of Debian on a free port of 127.0.0.2, ready to answer. */
async function startNodeExporter(): Promise<{ child: ChildProcess; port: number }> {
  const port = await freePort("127.0.0.2");
  const args = [
    `--web.listen-address=127.0.0.2:${port}`,
    "--collector.disable-defaults",
    "--collector.loadavg",
  ];
  const child = spawn("prometheus-node-exporter", args, { stdio: ["ignore", "ignore", "pipe"] });
  assert.ok(child.stderr !== null);
  for await (const line of createInterface(child.stderr)) if (/listening on/i.test(line)) break;
  child.stderr.resume();
  return { child, port };
}

test("A real node_exporter in a range is found, a silent server is not", async () => {
  const { child, port } = await startNodeExporter();
  const silent = net
    .createServer((socket) => socket.on("error", () => undefined))
    .listen(port, "127.0.0.3");
  await once(silent, "listening");
  const files = new MemoryFiles();
  const text = `scrape_configs: [{job_name: node, range_sd_configs: [{hosts: [127.0.0.1-127.0.0.5], port: ${port}}]}]`;
  const config = await parseScraperConfig(text, "/etc/test.yml", files);
  const fleet = new Fleet({
    clock: systemClock,
    log: silentLogger,
    isAllowedAddress: () => true,
    onHeartbeat: () => undefined,
  });
  let searched = (): void => undefined;
  const isSearched = new Promise<void>((resolve) => (searched = resolve));
  const manager = new DiscoveryManager({
    config: { jobs: config.scrapeConfigs, probes: config.discovery, forgetAfterMs: 0 },
    fleet,
    files,
    // Only the address that never answers is given up soon.
    sendHttp: (request) =>
      sendHttp({ ...request, timeoutMs: request.url.includes("127.0.0.3:") ? 200 : 120_000 }),
    resolveHost: async () => [],
    clock: systemClock,
    log: silentLogger,
    random: () => 0,
    onTargetsChanged: () => undefined,
    onProbeProgress: ({ asked, candidates }) => {
      if (asked === candidates) searched();
    },
  });
  try {
    await manager.start();
    await isSearched;
    assert.deepEqual(
      [...fleet.allHosts()].map(({ address }) => address),
      ["127.0.0.2"],
    );
  } finally {
    await manager.stop();
    silent.close();
    child.kill();
    await once(child, "exit");
  }
});
