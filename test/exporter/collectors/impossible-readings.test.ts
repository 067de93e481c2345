/** A failed or impossible reading is never shown as a value, and texts are read by the rules of their format. */
import assert from "node:assert/strict";
import type { Sources } from "../../../exporter/sources/sources.js";
import { test } from "node:test";
import { DEFAULT_COLLECTOR_SETTINGS } from "../../../exporter/collectors/collector-settings.js";
import { createCpuCollector } from "../../../exporter/collectors/cpu.js";
import { createDiskIoCollector } from "../../../exporter/collectors/disk-io.js";
import { createLoadCollector } from "../../../exporter/collectors/load.js";
import { createMemoryCollector, parseMemoryInfo } from "../../../exporter/collectors/memory.js";
import { createNetworkCollector } from "../../../exporter/collectors/network.js";
import { createSoftirqsCollector } from "../../../exporter/collectors/softirqs.js";
import { createSystemCollector } from "../../../exporter/collectors/system.js";
import { createTemperatureCollector } from "../../../exporter/collectors/temperature.js";
import { createUsersCollector } from "../../../exporter/collectors/users.js";
import { FileMachine, disks, valuesOf, type Contents } from "../file-machine.js";
import { collectWith } from "../machine-fixture.js";

const SETTINGS = DEFAULT_COLLECTOR_SETTINGS;

const netDev = (rows: readonly string[]): string => ["a", "b", ...rows, ""].join("\n");

const zones = (temperatures: Readonly<Record<string, [type: string, temp: string]>>): Contents =>
  Object.fromEntries(
    Object.entries(temperatures).flatMap(([zone, [type, temp]]) => [
      [`sys/class/thermal/thermal_zone${zone}/type`, `${type}\n`],
      [`sys/class/thermal/thermal_zone${zone}/temp`, `${temp}\n`],
    ]),
  );

for (const bad of ["-650788984", "", "65261850", "-274000", "200000", "-128000", "x"]) {
  test(`a temperature of ${JSON.stringify(bad)} fails the collector, whatever other zones say`, async () => {
    const machine = new FileMachine(
      zones({ "0": ["cpu-thermal", "85000"], "1": ["nvme", "40000"], "2": ["cpu2", "45000"] }),
    );
    const collector = createTemperatureCollector(machine.sources, SETTINGS);
    assert.match((await machine.lines(collector, "alarm_level")).join(), / 2$/);
    machine.put(zones({ "0": ["cpu-thermal", bad] }));
    for (let round = 0; round < 3; round++) {
      await assert.rejects(collectWith(machine.clock, collector), /thermal_zone0\/temp/);
      await machine.clock.advance(60_000); // The zones are listed again.
    }
    machine.put(zones({ "0": ["cpu-thermal", "85000"] }));
    assert.match((await machine.lines(collector, "alarm_level")).join(), / 2$/);
  });
}

test("a processor whose only zone never gave a temperature fails the collector", async () => {
  const machine = new FileMachine(
    zones({ "0": ["x86_pkg_temp", "-274000"], "1": ["wifi", "40000"] }),
  );
  const collector = createTemperatureCollector(machine.sources, SETTINGS);
  await assert.rejects(collectWith(machine.clock, collector), /thermal_zone0/);
});

test("the hottest processor counts, and zones are in the order of their numbers", async () => {
  const machine = new FileMachine(
    zones({
      "0": ["x86_pkg_temp", "45000"],
      "10": ["iwlwifi_1", "50000"],
      "2": ["x86_pkg_temp", "96000"],
    }),
  );
  const collector = createTemperatureCollector(machine.sources, SETTINGS);
  const lines = await machine.lines(collector);
  assert.equal(lines[0], "pihealth_cpu_temperature_celsius 96");
  assert.deepEqual(
    lines.slice(1, 4).map((line) => line.split('"')[1]),
    ["0", "2", "10"],
  );
  assert.equal(lines[4], 'pihealth_alarm_level{family="cpu"} 2');
});

test("the hottest of several processor sensors counts where no zone belongs to a processor", async () => {
  const machine = new FileMachine({
    "sys/class/hwmon/hwmon2/name": "coretemp\n",
    "sys/class/hwmon/hwmon2/temp1_input": "45000\n",
    "sys/class/hwmon/hwmon10/name": "coretemp\n",
    "sys/class/hwmon/hwmon10/temp1_input": "81000\n",
  });
  const collector = createTemperatureCollector(machine.sources, SETTINGS);
  assert.match((await machine.lines(collector, "cpu_temp")).join(), / 81$/);
});

for (const { name, text, available } of [
  {
    name: "shared memory above the caches, without an estimate",
    text: "MemTotal: 998384 kB\nMemFree: 987608 kB\nBuffers: 0 kB\nCached: 7480 kB\nShmem: 1990000 kB\n",
    available: 987_608,
  },
  {
    name: "an estimate of the host above the memory of the container",
    text: "MemTotal: 1000 kB\nMemFree: 400 kB\nMemAvailable: 9000 kB\nCached: 100 kB\n",
    available: 500,
  },
  {
    name: "caches below zero, without an estimate",
    text: "MemTotal: 1000 kB\nMemFree: 400 kB\nBuffers: 50 kB\nCached: 18446744073709551612 kB\n",
    available: 450,
  },
]) {
  test(`available memory is between free and all memory: ${name}`, async () => {
    assert.equal(parseMemoryInfo(text).available, available * 1024);
    const machine = new FileMachine({ "proc/meminfo": text });
    const collector = createMemoryCollector(machine.sources, SETTINGS);
    for (const ratio of await valuesOf(machine, collector, "used_ratio"))
      assert.ok(ratio >= 0 && ratio <= 1, String(ratio));
  });
}

test("more free memory than there is fails the collector; more free swap is not known", () => {
  assert.throws(() => parseMemoryInfo("MemTotal: 10 kB\nMemFree: 11 kB\n"), /MemFree/);
  const swap = "MemTotal: 10 kB\nMemFree: 1 kB\nSwapTotal: 5 kB\nSwapFree: 9 kB\n";
  assert.equal(parseMemoryInfo(swap).swapFree, undefined);
});

for (const [file, text] of [
  ["loadavg", "-1 0 0 1/2 3"],
  ["uptime", "-1 5"],
] as const) {
  test(`a value below zero in /proc/${file} fails the collector`, async () => {
    const machine = new FileMachine({ "proc/stat": "btime 5\n", [`proc/${file}`]: text });
    const { sources } = machine;
    const collector =
      file === "uptime" ? createSystemCollector(sources) : createLoadCollector(sources);
    await assert.rejects(collectWith(machine.clock, collector), /must be at least 0/);
  });
}

const BELOW_ZERO = ["-3", "18446744073709551615"];
const COUNTERS = [
  {
    file: "stat",
    create: createCpuCollector,
    text: (cell: string) => `cpu  1 0 1 9 0 0 0 ${cell}\ncpu0 1 0 1 9 0 0 0 ${cell}\nintr`,
    missing: 'mode="steal"',
    shown: 'mode="user"',
  },
  {
    file: "diskstats",
    create: createDiskIoCollector,
    text: (cell: string) => `8 0 sda ${cell} 0 9 0 0 0 0 0 0 0 0\n`,
    missing: "reads_completed",
    shown: "read_bytes",
  },
  {
    file: "self/net/dev",
    create: (sources: Sources) => createNetworkCollector(sources, SETTINGS),
    text: (cell: string) => netDev([`eth0: ${cell} 1 0 0 0 0 0 0 5 1 0 0 0 0 0 0`]),
    missing: "receive_bytes",
    shown: "receive_packets",
  },
  {
    file: "softirqs",
    create: createSoftirqsCollector,
    text: (cell: string) => `CPU0\nHI: ${cell}\nTIMER: 5\n`,
    missing: 'type="hi"',
    shown: 'type="timer"',
  },
];

for (const { file, create, text, missing, shown } of COUNTERS)
  for (const cell of BELOW_ZERO)
    test(`one counter of ${cell} in /proc/${file} is not known, the others are shown`, async () => {
      const machine = new FileMachine({
        ...disks({ sda: "1000" }),
        "proc/self/auxv": new Uint8Array(),
        [`proc/${file}`]: text(cell),
      });
      const collector = create(machine.sources);
      assert.deepEqual(await machine.lines(collector, missing), []);
      assert.equal((await machine.lines(collector, shown)).length, 1);
    });

test("a stolen time longer than any machine runs is not known", async () => {
  const stolen = "cpu  1 0 1 1 0 0 0 1844674407370\nintr";
  const machine = new FileMachine({ "proc/stat": stolen, "proc/self/auxv": new Uint8Array() });
  assert.deepEqual(await machine.lines(createCpuCollector(machine.sources), "steal"), []);
});

test("a session file that may not be read fails the collector", async () => {
  const machine = new FileMachine({
    "etc/passwd": "root:x:0:0::/root:/bin/sh\n",
    "run/systemd/sessions/1": "USER=root\nCLASS=user\n",
  });
  machine.files.fault = (operation, filePath) =>
    operation === "read" && filePath.endsWith("/sessions/1") ? "EACCES" : undefined;
  const collector = createUsersCollector(machine.sources);
  await assert.rejects(collectWith(machine.clock, collector), { code: "EACCES" });
});

test("the name of the system is unquoted as a shell does", async () => {
  const machine = new FileMachine({
    "proc/stat": "cpu 1 0 0 0\nbtime 5\n",
    "proc/uptime": "5 5\n",
    "etc/os-release": `NAME=x\nPRETTY_NAME='Ann'"'s \\"Linux\\" \\$1"\n`,
  });
  const [info = ""] = await machine.lines(createSystemCollector(machine.sources), "system_info");
  assert.match(info, /os="Ann's \\"Linux\\" \$1"/);
});

test("of a hundred sessions and root users, remote sessions come first and the rest is counted", async () => {
  const sessions: Record<string, string> = {};
  for (let index = 0; index < 100; index++) {
    sessions[`run/systemd/sessions/${index}`] =
      `USER=u${index}\nCLASS=user\nREALTIME=${1e12 + index}\n${index === 0 ? "REMOTE_HOST=10.0.0.7\n" : ""}`;
  }
  const accounts = Array.from(
    { length: 100 },
    (_, index) => `u${index}:x:${index}:${index}::/:/bin/sh`,
  );
  const machine = new FileMachine({
    ...sessions,
    "etc/passwd": accounts.join("\n"),
    "etc/sudoers": "ALL ALL=(ALL) ALL\n",
  });
  const collector = createUsersCollector(machine.sources);
  const lines = await machine.lines(collector);
  const count = (name: string): number => lines.filter((line) => line.includes(name)).length;
  assert.ok(lines.includes("pihealth_user_sessions 100"));
  assert.equal(count("session_info"), 64);
  assert.ok(lines.some((line) => line.includes('user="u0",address="10.0.0.7"')));
  assert.equal(count("root_info"), 32);
  const leftOut = lines.filter((line) => line.includes("left_out"));
  assert.deepEqual(
    leftOut.map((line) => line.replace(/.*kind=/, "")),
    ['"root_user"} 68', '"session"} 36', '"login_record"} 0', '"sudoers_file"} 0'],
  );
});

test("an old processor with sensors for its cores only has the temperature of the hottest", async () => {
  const machine = new FileMachine({
    "sys/class/hwmon/hwmon0/name": "coretemp\n",
    "sys/class/hwmon/hwmon0/temp2_input": "45000\n",
    "sys/class/hwmon/hwmon0/temp3_input": "71000\n",
    "sys/class/hwmon/hwmon0/temp3_crit": "100000\n",
  });
  const collector = createTemperatureCollector(machine.sources, SETTINGS);
  assert.match((await machine.lines(collector, "cpu_temp")).join(), / 71$/);
});

test("a utmp that holds no login records fails the collector", async () => {
  const machine = new FileMachine({
    "etc/passwd": "root:x:0:0::/root:/bin/sh\n",
    "run/utmp": new Uint8Array(384).fill(0xff),
  });
  const collector = createUsersCollector(machine.sources);
  await assert.rejects(collectWith(machine.clock, collector), /utmp/);
});

test("network and disk counters below zero are left out, and the others shown", async () => {
  const machine = new FileMachine({
    ...disks({ sda: "1000" }),
    "proc/diskstats": "8 0 sda 1 0 8 1 2 0 16 1 0 18446744073709551612 5\n",
    "proc/self/net/dev": netDev(["eth0: 7 1 0 18446744073709551615 0 0 0 0 5 1 0 0 0 0 0 0"]),
  });
  const collector = createNetworkCollector(machine.sources, SETTINGS);
  assert.deepEqual(await valuesOf(machine, collector, "receive"), [7, 1, 0]);
  assert.deepEqual(await valuesOf(machine, createDiskIoCollector(machine.sources), "disk"), [
    ...[1, 4096, 2, 8192],
  ]);
});
