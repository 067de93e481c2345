import assert from "node:assert/strict";
import { test } from "node:test";
import { FAMILIES } from "../../../../exporter/shared/model/family.js";
import {
  escapeName,
  FAMILY_DESCRIPTIONS,
  formatFamilyLines,
  formatTime,
} from "../../../../exporter/shared/model/human-lines.js";
import {
  SampleReading,
  type NamedValue,
} from "../../../../exporter/shared/model/sample-reading.js";

process.env["TZ"] = "Europe/Berlin"; // Node.js reads it anew at every conversion.
const TIME_MS = Date.UTC(2026, 0, 12, 14, 0, 28);
const TIME = "2026-01-12__15:00:28";

function one(name: string, value: number, labels: Record<string, string> = {}): NamedValue {
  return { name: `pihealth_${name}`, labels, value };
}
const GIB = 2 ** 30;
const MEMORY = [
  one("memory_total_bytes", 4 * GIB),
  one("memory_free_bytes", 0.25 * GIB),
  one("memory_available_bytes", 0.784 * GIB),
  one("memory_used_ratio", 0.804),
  one("memory_used_ratio_average", 0.5),
];
const CPU = [
  one("load1", 0.15),
  one("load5", 0.2),
  one("load15", 1),
  one("cpu_usage_ratio", 0.123),
  one("cpu_temperature_celsius", 70),
  one("alarm_level", 2, { family: "cpu" }),
  one("alarm_level", 0, { family: "memory" }),
];
const fileSystem = (mountpoint: string) => ({ device: "/dev/x", mountpoint, fstype: "ext4" });
const DISK = [
  one("disk_size_bytes", 30 * GIB, { disk: "sdb" }),
  one("disk_size_bytes", 10 * GIB, { disk: "mmcblk0" }),
  one("disk_available_bytes", 6 * GIB, { disk: "mmcblk0" }),
  one("disk_used_ratio", 0.4, { disk: "mmcblk0" }),
  one("filesystem_readonly", 0, fileSystem("/")),
  one("filesystem_size_bytes", 9 * GIB, fileSystem("/")),
  one("filesystem_available_bytes", 6 * GIB, fileSystem("/")),
  one("filesystem_used_ratio", 1 / 3, fileSystem("/")),
  one("filesystem_readonly", 0, { ...fileSystem("/run"), fstype: "tmpfs" }),
  one("filesystem_readonly", 0, fileSystem("/mnt/dead disk")),
  one("filesystem_stuck", 1, fileSystem("/mnt/dead disk")),
];
const SYSTEM = [
  one("system_info", 1, {
    hostname: "pi4",
    os: "Debian GNU/Linux 13 (trixie)",
    kernel: "6.12.47+rpt-rpi-v8",
  }),
  one("uptime_seconds", 2 * 86_400 + 3 * 3600 + 65),
];
const USERS = [
  one("users_real", 3),
  one("user_recent_rank", 2, { user: "bob" }),
  one("user_recent_rank", 1, { user: "pi" }),
  one("user_root_info", 1, { user: "root" }),
  one("user_root_info", 1, { user: "pi" }),
  one("user_sessions", 2),
  one("user_session_info", 1, { user: "pi", address: "192.168.1.5", tty: "pts/0" }),
  one("user_session_info", 1, { user: "bob", tty: "tty1" }),
];
const process1 = { pid: "812", comm: "evil\n2026  fake line", user: "www-data" };
const PROCESSES = [
  one("malicious_process_cpu_ratio", 0.51, process1),
  one("malicious_process_memory_ratio", 0.02, process1),
  one("malicious_process_cpu_ratio", 1.98, { pid: "9", comm: "xmrig", user: "pi" }),
  one("malicious_process_cpu_ratio", 0.5, {
    ...{ pid: "10", comm: "MainThread", name: "node server.js", user: "pi" },
  }),
];

for (const { name, family, values, lines } of [
  {
    name: "memory",
    family: "memory",
    values: MEMORY,
    lines: [`${TIME}  4.000GiB  802.8MiB  80.4%  50.0%`],
  },
  {
    name: "cpu with the level of its own family",
    family: "cpu",
    values: CPU,
    lines: [`${TIME}  0.15  0.20  1.00  12.3%  70.0C  warning`],
  },
  {
    name: "all disks, each of several, then file systems but tmpfs, a stuck one with what is known of it",
    family: "disk",
    values: DISK,
    lines: [
      `${TIME}  0  disk  10.00GiB  6.000GiB  40.0%`,
      `${TIME}  0  mmcblk0  10.00GiB  6.000GiB  40.0%`,
      `${TIME}  0  sdb  30.00GiB  -  -`,
      `${TIME}  1  /  9.000GiB  6.000GiB  33.3%`,
      `${TIME}  1  /mnt/dead\\x20disk  -  -  -`,
    ],
  },
  {
    name: "system from the metrics of all families",
    family: "system",
    values: [...SYSTEM, ...MEMORY, ...CPU, ...DISK],
    lines: [
      `${TIME}  pi4  Debian_GNU/Linux_13_(trixie)  6.12.47+rpt-rpi-v8  2d03h01m  0.15` +
        "  10.00GiB  40.0%  4.000GiB  80.4%  70.0C  -  normal  warning",
    ],
  },
  {
    name: "users",
    family: "users",
    values: USERS,
    lines: [`${TIME}  3  [pi,bob]  [pi,root]  [bob_-_tty1,pi_192.168.1.5_pts/0]`],
  },
  {
    name: "malicious processes, worst first, names made harmless",
    family: "processes",
    values: PROCESSES,
    lines: [
      `${TIME}  xmrig  9  pi  198.0%  -`,
      `${TIME}  evil\\x0a2026\\x20\\x20fake\\x20line  812  www-data  51.0%  2.0%`,
      `${TIME}  node_server.js  10  pi  50.0%  -`,
    ],
  },
] as const) {
  test(`the fields of a family's line are two spaces apart: ${name}`, () => {
    assert.deepEqual(formatFamilyLines(family, new SampleReading(TIME_MS, values)), lines);
  });
}

test("a machine without values yields dashes, and no lines for missing disks and processes", () => {
  const empty = new SampleReading(TIME_MS, []);
  const dashes = (count: number): string => `${TIME}${"  -".repeat(count)}`;
  assert.deepEqual(
    FAMILIES.map((family) => formatFamilyLines(family, empty)),
    [[dashes(4)], [dashes(6)], [], [dashes(13)], [`${dashes(1)}  []  []  []`], []],
  );
});

test("every line has as many fields as its description", () => {
  const all = [...MEMORY, ...CPU, ...DISK, ...SYSTEM, ...USERS, ...PROCESSES];
  const reading = new SampleReading(TIME_MS, all);
  for (const family of FAMILIES) {
    const lines = formatFamilyLines(family, reading);
    assert.ok(lines.length > 0, family);
    for (const line of lines) {
      assert.equal(line.split("  ").length, FAMILY_DESCRIPTIONS[family].fields.length, line);
      assert.match(line, /^\S+(?: {2}\S+)*$/);
    }
  }
});

test("a value that is not a number is a missing value", () => {
  const reading = new SampleReading(TIME_MS, [one("memory_used_ratio", Number.NaN)]);
  assert.deepEqual(formatFamilyLines("memory", reading), [`${TIME}  -  -  -  -`]);
});

test("time is local, with two digits each", () => {
  assert.equal(formatTime(Date.UTC(2026, 6, 1, 22, 5, 9)), "2026-07-02__00:05:09");
});

for (const { name, escaped } of [
  { name: "plain-name_1.2", escaped: "plain-name_1.2" },
  { name: "", escaped: "-" },
  { name: "größe", escaped: "größe" },
  { name: "a b", escaped: "a\\x20b" },
  { name: "a\\x20b", escaped: "a\\\\x20b" },
  { name: "\u001b[31mred\u0007", escaped: "\\x1b[31mred\\x07" },
  { name: "line\u2028separator", escaped: "line\\u{2028}separator" },
  { name: "right\u202eleft", escaped: "right\\u{202e}left" },
  { name: "\ud800", escaped: "\\u{d800}" },
]) {
  test(`a name cannot break a line or steer a terminal: ${JSON.stringify(name)}`, () => {
    assert.equal(escapeName(name), escaped);
  });
}
