import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLogger } from "../../../exporter/shared/platform/logger.js";
import { Fleet } from "../../../scraper/fleet/fleet.js";
import { HostFiles } from "../../../scraper/fleet/host-files.js";
import { hostFolder } from "../../../scraper/fleet/host-folder.js";
import { FakeClock } from "../../support/fake-clock.js";
import { MemoryFiles } from "../../support/memory-files.js";
import { valueOf } from "../../support/metric-values.js";

const FILE = "/data/hosts/10.0.0.1/host.json";

class HostFilesUnderTest {
  readonly clock = new FakeClock();
  readonly fleet = new Fleet({
    clock: this.clock,
    log: silentLogger,
    isAllowedAddress: () => true,
    onHeartbeat: () => undefined,
  });
  readonly hostFiles: HostFiles;
  writes = 0;

  constructor(readonly files = new MemoryFiles()) {
    files.fault = (operation) => {
      if (operation === "replace") this.writes++;
      return undefined;
    };
    this.hostFiles = new HostFiles({ ...this, dataFolder: "/data", log: silentLogger });
  }

  beat(hostname = "pi1", bootId = "b1"): void {
    const { clock } = this;
    const heartbeat = {
      nodeId: "a".repeat(32),
      hostname,
      port: 8732,
      bootId,
      wallMs: clock.wallMs(),
      monotonicMs: 1,
      history: undefined,
    };
    this.fleet.receiveHeartbeat(heartbeat, "10.0.0.1", clock.wallMs());
  }
}

test("The next run knows the content of host.json", async () => {
  const first = new HostFilesUnderTest();
  first.beat();
  first.fleet.noteSeen("pi2.lan", 9100, first.clock.wallMs());
  first.hostFiles.start();
  await first.clock.advance(1000);
  await first.hostFiles.stop();
  const second = new HostFilesUnderTest(first.files);
  await second.hostFiles.load();
  assert.deepEqual([...second.fleet.allHosts()], [...first.fleet.allHosts()]);
  assert.equal(second.fleet.hostOfNode("a".repeat(32))?.address, "10.0.0.1");
});

test("Heartbeats alone write host.json once an hour, a change within a minute, and never twice in one", async () => {
  const parts = new HostFilesUnderTest();
  parts.beat();
  parts.hostFiles.start();
  await parts.clock.advance(0);
  assert.equal(parts.writes, 1);
  for (let beat = 0; beat < 100; beat++) {
    parts.beat();
    await parts.clock.advance(30_000);
  }
  assert.equal(parts.writes, 1, "50 minutes of heartbeats");
  for (let second = 0; second < 60; second++) {
    parts.beat("pi1", `b${second}`);
    await parts.clock.advance(1000);
  }
  assert.ok(parts.writes >= 2 && parts.writes <= 3, `${parts.writes} writes`);
  await parts.hostFiles.stop();
});

test("At the end of a run, one file stores the last contact of all hosts, and the next run knows it", async () => {
  const first = new HostFilesUnderTest();
  const hosts = Array.from({ length: 300 }, (_, index) => `10.0.${index >> 7}.${index & 127}`);
  for (const host of hosts) first.fleet.noteSeen(host, 9100, first.clock.wallMs());
  first.hostFiles.start();
  await first.clock.advance(60_000);
  for (const host of hosts) first.fleet.noteSeen(host, 9100, first.clock.wallMs());
  first.writes = 0;
  await first.hostFiles.stop();
  assert.equal(first.writes, 1);
  first.files.put("/data/hosts/10.0.0.7/host.json", "old");
  await first.files.removeTree("/data/hosts/10.0.0.8");
  const second = new HostFilesUnderTest(first.files);
  await second.hostFiles.load();
  const expected = [...first.fleet.allHosts()].filter(({ address }) => address !== "10.0.0.8");
  assert.deepEqual([...second.fleet.allHosts()], expected);
  assert.equal(
    await first.files.facts("/data/fleet.json"),
    undefined,
    "it would be old after a crash",
  );
});

test("A damaged fleet file loses only the newest times", async () => {
  const first = new HostFilesUnderTest();
  first.beat();
  first.hostFiles.start();
  await first.clock.advance(1000);
  await first.hostFiles.stop();
  first.files.put("/data/fleet.json", '{"version":1,"address":');
  const second = new HostFilesUnderTest(first.files);
  await second.hostFiles.load();
  assert.equal(second.fleet.hostOfNode("a".repeat(32))?.address, "10.0.0.1");
});

test("A failed write is counted, and the file is written when the disk accepts it again", async () => {
  const parts = new HostFilesUnderTest();
  let isFull = true;
  parts.files.fault = (operation) => (operation === "replace" && isFull ? "ENOSPC" : undefined);
  parts.beat();
  parts.hostFiles.start();
  await parts.clock.advance(31_000);
  assert.equal(valueOf(parts.hostFiles, "pihealth_host_file_failures_total"), 2);
  isFull = false;
  await parts.clock.advance(31_000);
  await parts.hostFiles.stop();
  assert.match(await parts.files.readText(FILE), /"hostname": "pi1"/);
});

for (const { name, content } of [
  { name: "empty", content: "" },
  { name: "torn", content: '{"version": 1, "address": "10.0.' },
  { name: "another format", content: "[1, 2]" },
  { name: "a later version", content: '{"version": 2, "address": "10.0.0.1", "exporters": []}' },
  {
    name: "an address that leaves the folder",
    content: '{"version": 1, "address": "../..", "exporters": []}',
  },
  {
    name: "a port that is none",
    content:
      '{"version":1,"address":"10.0.0.1","exporters":[{"port":"x","first_seen":"2026-01-01T00:00:00Z","last_seen":"2026-01-01T00:00:00Z","node":null}]}',
  },
  {
    name: "a time that is none",
    content:
      '{"version":1,"address":"10.0.0.1","exporters":[{"port":1,"first_seen":"?","last_seen":"2026-01-01T00:00:00Z","node":null}]}',
  },
]) {
  test(`An unusable host.json loses only its own content: ${name}`, async () => {
    const parts = new HostFilesUnderTest();
    parts.files.put(FILE, content);
    parts.files.put("/data/hosts/10.0.0.2/log/memory.log", "");
    await parts.hostFiles.load();
    assert.deepEqual([...parts.fleet.allHosts()], []);
  });
}

for (const host of [
  "..",
  ".",
  "",
  "a/b",
  "../etc",
  "a\u0000b",
  "-",
  "a..b",
  "x".repeat(300),
  "[::1]",
]) {
  test(`No folder is created for ${JSON.stringify(host.slice(0, 20))}`, () => {
    assert.throws(
      () => hostFolder(host),
      /Cannot make a folder for host .*: it must be an IP address or a host name/,
    );
  });
}

test("A host has one folder name per address", () => {
  assert.equal(hostFolder("::FFFF:10.0.0.1"), "hosts/10.0.0.1");
  assert.equal(hostFolder("FD00:0::1"), "hosts/fd00::1");
  assert.equal(hostFolder("Pi1.LAN."), "hosts/pi1.lan");
});
