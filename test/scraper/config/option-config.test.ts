import assert from "node:assert/strict";
import { test } from "node:test";
import { loadScraperConfig, parseScraperConfig } from "../../../scraper/config/config.js";
import { convertOptionConfig, isOptionConfig } from "../../../scraper/config/option-config.js";
import { MemoryFiles } from "../../support/memory-files.js";

const TEXT = `# the master of the attic

master=pi1
client_port = 9100
  ; what to watch
hosts=192.168.1.10 - 192.168.1.12, pi1..pi3.lan
PIHealthLog=/var/log/pihealth/pihealthd.log
PIHealthData="/srv/pi health"
`;

test("Option=Value is recognised by its content and read as the same configuration", async () => {
  const files = new MemoryFiles();
  const config = await parseScraperConfig(TEXT, "/etc/pihealthd.conf", files);
  assert.equal(config.global.externalLabels.get("master"), "pi1");
  assert.equal(config.log.file, "/var/log/pihealth/pihealthd.log");
  assert.equal(config.storage.path, "/srv/pi health");
  const range = config.scrapeConfigs[0]?.ranges[0];
  assert.equal(range?.port, 9100);
  assert.deepEqual(
    range.hosts.flatMap((hosts) => [...hosts.hosts()]),
    ["192.168.1.10", "192.168.1.11", "192.168.1.12", "pi1.lan", "pi2.lan", "pi3.lan"],
  );
});

test("The YAML of a conversion is the same configuration", async () => {
  const yaml = convertOptionConfig(TEXT, "/etc/pihealthd.conf");
  assert.equal(isOptionConfig(yaml), false);
  const files = new MemoryFiles();
  const [fromYaml, fromOptions] = [
    await parseScraperConfig(yaml, "/etc/pihealthd.conf", files),
    await parseScraperConfig(TEXT, "/etc/pihealthd.conf", files),
  ];
  assert.deepEqual(fromYaml.view, fromOptions.view);
});

const THREE_LINES = `master=pi1
client_port=8732
PIHealthLog=/var/log/pihealth/pihealthd.log
`;

test("Three lines are a configuration: this machine, exporters that announce themselves, shipped rules", async () => {
  const files = new MemoryFiles();
  files.put("/etc/pihealthd.conf", THREE_LINES);
  files.put("/etc/pihealth/token", "secret\n");
  const config = await loadScraperConfig("/etc/pihealth/pihealthd.yml", files);
  assert.equal(config.file, "/etc/pihealthd.conf");
  const range = config.scrapeConfigs[0]?.ranges[0];
  assert.equal(range?.acceptsHeartbeats, true);
  assert.deepEqual(
    range.hosts.flatMap((hosts) => [...hosts.hosts()]),
    ["127.0.0.1"],
  );
  assert.equal(config.fleet.tokenFile, "/etc/pihealth/token");
  assert.equal(config.storage.path, "/var/lib/pihealth");
  assert.match(config.rulePatterns.join(), /\/rules\/\*\.yml$/);
});

test("The older file is read only while the YAML of the service is missing", async () => {
  const files = new MemoryFiles();
  files.put("/etc/pihealthd.conf", THREE_LINES);
  await assert.rejects(loadScraperConfig("/etc/pihealth/other.yml", files), /other\.yml/);
  files.put("/etc/pihealth/pihealthd.yml", "pools: 2");
  const config = await loadScraperConfig("/etc/pihealth/pihealthd.yml", files);
  assert.equal(config.pools, 2);
});

for (const { name, text, isOption } of [
  { name: "options", text: "master=pi1", isOption: true },
  { name: "options with Windows line ends", text: "# x\r\n\r\nmaster=pi1\r\n", isOption: true },
  { name: "YAML", text: "# a=b\nglobal: {}\n", isOption: false },
  { name: "YAML with an equals sign in a value", text: "global:\n  a: b=c\n", isOption: false },
  { name: "a flow mapping", text: "{a: b}", isOption: false },
  { name: "nothing", text: "", isOption: false },
]) {
  test(`${name}: ${isOption ? "options" : "no options"}`, () => {
    assert.equal(isOptionConfig(text), isOption);
  });
}

for (const { name, text, message } of [
  {
    name: "an unknown option",
    text: "hosts=a\nfoo=1",
    message: /Cannot load "x\.conf", line 2: option foo is not known, the options are master, /,
  },
  {
    name: "a line without equals sign",
    text: "hosts=a\nmaster pi1",
    message: /line 2: is "master pi1", it must be Option=Value/,
  },
  {
    name: "an option twice",
    text: "hosts=a\nHosts=b",
    message: /line 2: option Hosts is given a second time/,
  },
  {
    name: "a port",
    text: "hosts=a\nclient_port=x",
    message: /line 2: option client_port is "x", it must be a port from 1 to 65535/,
  },
  { name: "a port out of range", text: "hosts=a\nclient_port=65536", message: /it must be a port/ },
  {
    name: "a range",
    text: "hosts=10.0.0.0/99",
    message:
      /line 1: option hosts is "10\.0\.0\.0\/99", Cannot read range .*the prefix must be at most \/32/,
  },
  {
    name: "an empty value",
    text: "hosts=a\nPIHealthLog=",
    message: /line 2: option PIHealthLog is "", it must not be empty/,
  },
  {
    name: "too large",
    text: `hosts=a\n${"#\n".repeat(600_000)}`,
    message: /larger than 1048576 bytes/,
  },
]) {
  test(`Options are refused with line and reason: ${name}`, () => {
    assert.throws(() => convertOptionConfig(text, "x.conf"), message);
  });
}
