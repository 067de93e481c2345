import assert from "node:assert/strict";
import { test } from "node:test";
import {
  parseExporterArguments,
  parseListenAddress,
  withArguments,
} from "../../../exporter/program/arguments.js";
import { COLLECTORS } from "../../../exporter/collectors/registry.js";
import {
  DEFAULT_CONFIG_FILE,
  loadExporterConfig,
  parseExporterConfig,
} from "../../../exporter/config/config.js";
import { ConfigSection } from "../../../exporter/shared/config/config-section.js";
import { MemoryFiles } from "../../support/memory-files.js";

const parse = (text: string) =>
  parseExporterConfig(ConfigSection.parse(text, "/etc/pihealth/exporter.yml"), COLLECTORS);

test("An empty file gives the documented defaults", () => {
  const config = parse("");
  assert.deepEqual(config.listen, { address: "0.0.0.0", port: 8732 });
  assert.equal(config.stateFolder, "/var/lib/pihealth-exporter");
  assert.deepEqual(config.uplink, {
    masters: [],
    tokenFile: undefined,
    caFile: undefined,
    heartbeatIntervalMs: 30_000,
  });
  assert.deepEqual(config.alarms, { enabled: true, resendIntervalMs: 60_000 });
  assert.equal(config.logLevel, "info");
  assert.deepEqual(
    Object.keys(config.collectors),
    COLLECTORS.map(({ name }) => name),
  );
  assert.equal(config.collectors["memory"]?.intervalMs, 5000);
});

test("Every key can be set, and file names are relative to the file", () => {
  const config = parse(`
listen: { address: "::", port: 9000 }
web_config_file: web.yml
state: /srv/pihealth
collectors:
  memory: { enabled: no, interval: 10s, deadline: 2s }
settings:
  memory: { note_percent: 50, warning_percent: 60 }
uplink: { masters: [pi1, "https://pi2:8730/"], token_file: token, ca_file: /etc/ssl/ca.pem, heartbeat_interval: 1m }
alarms: { enabled: false, resend_interval: 5m }
log: { level: debug }
`);
  assert.deepEqual(config.listen, { address: "::", port: 9000 });
  assert.equal(config.webConfigFile, "/etc/pihealth/web.yml");
  assert.deepEqual(config.collectors["memory"], {
    enabled: false,
    intervalMs: 10_000,
    deadlineMs: 2000,
  });
  assert.equal(config.collectorSettings.memory.warning, 0.6);
  assert.deepEqual(config.uplink.masters, ["http://pi1:8730", "https://pi2:8730"]);
  assert.equal(config.uplink.tokenFile, "/etc/pihealth/token");
});

test("Custom collectors are commands for the shell, or programs with arguments", () => {
  const text = `
collectors:
  custom:
    - { name: ups, command: "apcaccess | awk '{print $1}'" }
    - { name: door, command: [/usr/bin/door, --json], interval: 5s, deadline: 2s }
`;
  assert.deepEqual(parse(text).customCollectors, [
    {
      name: "ups",
      command: ["/bin/sh", "-c", "apcaccess | awk '{print $1}'"],
      intervalMs: 60_000,
      deadlineMs: 10_000,
    },
    { name: "door", command: ["/usr/bin/door", "--json"], intervalMs: 5000, deadlineMs: 2000 },
  ]);
});

test("A relative state folder is beside the configuration", () =>
  assert.equal(parse("state: data").stateFolder, "/etc/pihealth/data"));

for (const { text, message } of [
  { text: "listn: {}", message: /line 1: key listn is not a known key/ },
  {
    text: "listen: { port: 70000 }",
    message: /line 1: key listen\.port is 70000, it must be a number from 0 to 65535/,
  },
  { text: "listen: 8732", message: /key listen is 8732, it must be a mapping/ },
  {
    text: "\ncollectors:\n  memry: {}",
    message: /line 3: key collectors\.memry is not a known key, the keys here are cpu, /,
  },
  {
    text: "collectors: { memory: { interval: 100ms } }",
    message: /interval is 100ms, it must be at least 1s/,
  },
  {
    text: "collectors: { processes: { deadline: 6s } }",
    message:
      /line 1: key collectors\.processes\.deadline is 6s, it must be more than 6s \(settings\.processes/,
  },
  {
    text: "settings: { processes: { confirm_after: 9s } }\ncollectors: { processes: { deadline: 8s } }",
    message: /line 2: key collectors\.processes\.deadline is 8s, it must be more than 10s/,
  },
  { text: "collectors: { memory: { interval: often } }", message: /Cannot read duration "often"/ },
  {
    text: "uplink: { masters: [ftp://pi1] }",
    message: /key uplink\.masters Cannot use master "ftp:\/\/pi1"/,
  },
  {
    text: "uplink: { masters: [a, b, c, d, e, f, g, h, i] }",
    message: /has 9 entries, it must have at most 8/,
  },
  {
    text: "collectors: { custom: [{ name: UPS, command: a }] }",
    message: /custom\[0\]\.name .*it must be a name of small letters/,
  },
  {
    text: "collectors: { custom: [{ name: memory, command: a }] }",
    message: /is "memory", it must not be used a second time/,
  },
  {
    text: "collectors: { custom: [{ name: a, command: [] }] }",
    message: /command is empty, it must be a command line or a list/,
  },
  {
    text: "collectors: { custom: [{ name: a, command: [ups, -v] }] }",
    message: /begins with "ups", it must begin with the path of a program/,
  },
  {
    text: "collectors: { custom: [{ name: a, command: b, intervall: 5s }] }",
    message: /intervall is not a known key/,
  },
  { text: "uplink: { heartbeat_interval: 0s }", message: /it must be at least 1s/ },
  {
    text: "log: { level: loud }",
    message: /is "loud", it must be one of error, warn, info, debug/,
  },
  { text: "a: [", message: /exporter\.yml", line 1: / },
  { text: "\tlisten: {}", message: /exporter\.yml"/ },
  { text: `state: "${"x".repeat(1_100_000)}"`, message: /it is larger than 1048576 bytes/ },
]) {
  test(`A configuration is refused with file, line and key: ${JSON.stringify(text.slice(0, 60))}`, () => {
    assert.throws(() => parse(text), { code: "bad_config", message });
  });
}

test("The default file may be missing, a named file may not", async () => {
  const files = new MemoryFiles();
  assert.equal((await loadExporterConfig(undefined, files, COLLECTORS)).listen.port, 8732);
  await assert.rejects(loadExporterConfig("/nowhere.yml", files, COLLECTORS), {
    code: "bad_config",
    message: /nowhere\.yml/,
  });
  files.put(DEFAULT_CONFIG_FILE, "listen: { port: 1 }");
  assert.equal((await loadExporterConfig(undefined, files, COLLECTORS)).listen.port, 1);
});

test("Options of the command line win over the file", () => {
  const given = parseExporterArguments([
    "--listen-address=:9999",
    "--state",
    "/tmp/s",
    "--master",
    "pi1",
    "--master=pi2:1",
    "--token-file",
    "t",
    "--log-level=warn",
  ]);
  const config = withArguments(
    parse("listen: { address: 10.0.0.1, port: 1 }\nuplink: { masters: [old] }"),
    given,
  );
  assert.deepEqual(config.listen, { address: "10.0.0.1", port: 9999 });
  assert.deepEqual(config.uplink.masters, ["http://pi1:8730", "http://pi2:1"]);
  assert.equal(config.logLevel, "warn");
});

for (const argv of [
  ["--bogus"],
  ["extra"],
  ["--master", "ftp://x"],
  ["--listen-address", "a:b:c"],
  ["--log-level", "x"],
  ["--state"],
]) {
  test(`A command line is refused: ${argv.join(" ")}`, () => {
    assert.throws(() => parseExporterArguments(argv), { code: "bad_input" });
  });
}

for (const [text, address, port] of [
  ["0.0.0.0:8732", "0.0.0.0", 8732],
  [":8732", undefined, 8732],
  ["127.0.0.1", "127.0.0.1", undefined],
  ["[::1]:8732", "::1", 8732],
  ["[::]", "::", undefined],
  ["localhost:0", "localhost", 0],
] as const) {
  test(`Listen address ${text}`, () =>
    assert.deepEqual(parseListenAddress(text), { address, port }));
}
for (const text of ["", "::1:80:x", "a:99999", "[::1", "x]:1"]) {
  test(`Listen address ${JSON.stringify(text)} is refused`, () =>
    assert.throws(() => parseListenAddress(text), { code: "bad_input" }));
}
