import assert from "node:assert/strict";
import { test } from "node:test";
import {
  DEFAULT_COLLECTOR_SETTINGS,
  parseCollectorSettings,
} from "../../../exporter/collectors/collector-settings.js";
import { createNameMatcher } from "../../../exporter/collectors/name-matcher.js";
import { ConfigSection } from "../../../exporter/shared/config/config-section.js";
import { ConfigError } from "../../../exporter/shared/config/yaml-source.js";

const parse = (text: string): ReturnType<typeof parseCollectorSettings> =>
  parseCollectorSettings(ConfigSection.parse(text, "exporter.yml"));

test("every setting has a default", () => {
  assert.deepEqual(parse(""), DEFAULT_COLLECTOR_SETTINGS);
});

test("every key is read, and percentages become ratios", () => {
  const settings = parse(`
memory: { note_percent: 60, warning_percent: 75.5 }
cpu: { note_celsius: 55, warning_celsius: 80 }
disk:
  note_percent: 50
  warning_percent: 50
  exclude_types: [tmpfs]
  exclude_mounts: [/mnt/, /]
  network_file_systems: yes
network: { exclude_devices: "docker*" }
processes:
  top_count: 0
  malicious_cpu_percent: 150
  malicious_memory_percent: 30
  confirm_after: 7s
  ignore: [chromium*]
`);
  assert.deepEqual(settings, {
    memory: { note: 0.6, warning: 0.755 },
    cpu: { note: 55, warning: 80 },
    disk: {
      note: 0.5,
      warning: 0.5,
      excludedTypes: ["tmpfs"],
      excludedMounts: ["/mnt", "/"],
      includesNetwork: true,
    },
    network: { excludedDevices: ["docker*"] },
    processes: {
      topCount: 0,
      maliciousCpuRatio: 1.5,
      maliciousMemoryRatio: 0.3,
      confirmMs: 7000,
      ignoredNames: ["chromium*"],
      quietNames: [],
    },
  });
});

for (const { text, message } of [
  { text: "memory: { note_percent: 90 }", message: /memory\.note_percent .*at most that/ },
  { text: "memory: { warning_percent: 101 }", message: /from 0 to 100/ },
  { text: "cpu: { note_celsius: hot }", message: /cpu\.note_celsius is "hot"/ },
  { text: "cpu: { note_celsius: 80 }", message: /at most that/ },
  { text: "disk: { exclude_mounts: [mnt] }", message: /"mnt", it must hold absolute paths/ },
  { text: "processes: { confirm_after: 1m }", message: /at most 10s/ },
  { text: "processes: { top_count: 1.5 }", message: /whole number/ },
  { text: "processes: { top: 3 }", message: /processes\.top is not a known key/ },
  { text: "swap: {}", message: /swap is not a known key/ },
  { text: "memory: 5", message: /memory is 5, it must be a mapping/ },
]) {
  test(`a wrong setting is an error that names it: ${text}`, () => {
    assert.throws(
      () => parse(text),
      (error: Error) => {
        assert.match(error.message, message);
        return error instanceof ConfigError && error.file === "exporter.yml";
      },
    );
  });
}

for (const { pattern, matching, other } of [
  { pattern: "lo", matching: ["lo"], other: ["lo0", "xlo", ""] },
  { pattern: "veth*", matching: ["veth", "veth1a"], other: ["eth0", "xveth"] },
  { pattern: "*.1", matching: ["eth0.1", ".1"], other: ["eth0.10"] },
  { pattern: "a*b*c", matching: ["abc", "axxbxxc", "abbcbc"], other: ["ab", "acb", "abcd"] },
  { pattern: "ab*ba", matching: ["abba", "abxba"], other: ["aba"] },
  { pattern: "*", matching: ["", "x"], other: [] },
  { pattern: "", matching: [""], other: ["x"] },
  { pattern: "a.c+", matching: ["a.c+"], other: ["abc"] },
]) {
  test(`a star in a pattern stands for any characters: "${pattern}"`, () => {
    const isMatch = createNameMatcher([pattern]);
    assert.deepEqual(
      matching.filter((name) => !isMatch(name)),
      [],
    );
    assert.deepEqual(
      other.filter((name) => isMatch(name)),
      [],
    );
  });
}
