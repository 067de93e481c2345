/** Counters that the exporter passes on never fall without a reset. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_COLLECTOR_SETTINGS } from "../../../exporter/collectors/collector-settings.js";
import { createCpuCollector } from "../../../exporter/collectors/cpu.js";
import { createDiskIoCollector } from "../../../exporter/collectors/disk-io.js";
import { createNetworkCollector } from "../../../exporter/collectors/network.js";
import { createSoftirqsCollector } from "../../../exporter/collectors/softirqs.js";
import type { Collector } from "../../../exporter/collectors/collector.js";
import type { Sources } from "../../../exporter/sources/sources.js";
import {
  decodeKeptCounters,
  encodeKeptCounters,
  KeptCounters,
} from "../../../exporter/sources/kept-counters.js";
import { createUsersCollector } from "../../../exporter/collectors/users.js";
import { FileMachine, disks, valuesOf } from "../file-machine.js";

const SETTINGS = DEFAULT_COLLECTOR_SETTINGS;

const TAKES_A_WINDOW = "proc/self/auxv";

const stat = (cores: Readonly<Record<string, string>>): string =>
  `cpu  1 0 1 1 0 0 0 0\n${Object.entries(cores)
    .map(([name, times]) => `${name} ${times}\n`)
    .join("")}intr 1\n`;

test("iowait and idle of a core that step back stay, and a core that starts over is a reset", async () => {
  const machine = new FileMachine({ [TAKES_A_WINDOW]: new Uint8Array() });
  const collector = createCpuCollector(machine.sources);
  const seen: string[] = [];
  for (const times of [
    "1000 0 500 900000 10945008 0 5 0 0 0",
    "1010 0 510 900100 10944966 0 5 0 0 0",
    "1010 0 510 899900 10945008 0 5 0 0 0",
    "1020 0 510 900200 10945100 0 5 0 0 0",
    "1 0 2 3 4 0 0 0 0 0",
  ]) {
    machine.put({ "proc/stat": stat({ cpu0: times }) });
    const lines = await machine.lines(collector, 'cpu="0"');
    const values = lines.map((line) => Number(line.split(" ").at(-1)));
    seen.push([values[0], values[3], values[4]].join(" "));
  }
  assert.deepEqual(seen, [
    "10 9000 109450.08",
    "10.1 9001 109450.08",
    "10.1 9001 109450.08",
    "10.2 9002 109451",
    "0.01 0.03 0.04",
  ]);
});

test("a core that goes offline and comes back with less idle time does not fall", async () => {
  const machine = new FileMachine({ [TAKES_A_WINDOW]: new Uint8Array() });
  const collector = createCpuCollector(machine.sources);
  const idle: string[] = [];
  for (const cores of [
    { cpu0: "1 0 1 100 0 0 0 0", cpu1: "50 0 50 90000 0 0 0 0" },
    { cpu0: "1 0 1 200 0 0 0 0" },
    { cpu0: "1 0 1 300 0 0 0 0", cpu1: "51 0 50 89000 0 0 0 0" },
  ]) {
    machine.put({ "proc/stat": stat(cores) });
    idle.push((await machine.lines(collector, 'cpu="1",mode="idle"')).join());
  }
  const series = 'pihealth_cpu_seconds_total{cpu="1",mode="idle"}';
  assert.deepEqual(idle, [`${series} 900`, "", `${series} 900`]);
});

const softirqs = (header: string, timer: string): string =>
  `${header}\n   HI: 1 1\nTIMER: ${timer}\n`;

test("soft interrupts of a core that are full, or of a core that goes offline, do not fall", async () => {
  const machine = new FileMachine();
  const collector = createSoftirqsCollector(machine.sources);
  const totals: number[] = [];
  for (const text of [
    softirqs("CPU0 CPU1", "4294967200 3000000000"),
    softirqs("CPU0 CPU1", "904 3000001000"),
    softirqs("CPU1", "3000001500"),
    softirqs("CPU0 CPU1", "1004 3000001500"),
    softirqs("CPU0 CPU1", "1004 3000001400"),
    softirqs("CPU0 CPU1", "1004 3000001600"),
  ]) {
    machine.put({ "proc/softirqs": text });
    const [line = ""] = await machine.lines(collector, "timer");
    totals.push(Number(line.split(" ").at(-1)));
  }
  assert.deepEqual(totals, [
    ...[7294967200, 7294969200, 7294969700, 7294969800],
    ...[7294969800, 7294969900],
  ]);
});

test("counters of disks that are full do not fall; a disk that came back starts over", async () => {
  const machine = new FileMachine({ ...disks({ sda: "1000" }), "sys/block/sda/diskseq": "1\n" });
  const collector = createDiskIoCollector(machine.sources);
  const row = (read: number, ms: number): string => `8 0 sda 10 0 ${read} 1 20 0 160 1 0 ${ms} 5\n`;
  const seen: number[][] = [];
  for (const [text, diskseq] of [
    [row(4294967288, 4294967200), "1\n"],
    [row(12, 904), "1\n"],
    [row(3, 5), "2\n"],
  ] as const) {
    machine.put({ "proc/diskstats": text, "sys/block/sda/diskseq": diskseq });
    seen.push([
      ...(await valuesOf(machine, collector, "read_bytes")),
      ...(await valuesOf(machine, collector, "io_time")),
    ]);
  }
  assert.deepEqual(seen, [
    [4294967288 * 512, 4294967.2],
    [(2 ** 32 + 12) * 512, (2 ** 32 + 904) / 1000],
    [3 * 512, 0.005],
  ]);
});

const netDev = (rows: readonly string[]): string => ["a", "b", ...rows, ""].join("\n");
const netRow = (device: string, received: number): string =>
  `${device}: ${received} 1 0 0 0 0 0 0 5 1 0 0 0 0 0 0`;

test("counters of network devices that are full do not fall; another device starts over", async () => {
  const machine = new FileMachine({ "sys/class/net/eth0/ifindex": "2\n" });
  const collector = createNetworkCollector(machine.sources, SETTINGS);
  const seen: number[] = [];
  for (const [received, ifindex] of [
    [4294967200, "2\n"],
    [904, "2\n"],
    [10, "7\n"],
  ] as const) {
    machine.put({
      "proc/self/net/dev": netDev([netRow("eth0", received)]),
      "sys/class/net/eth0/ifindex": ifindex,
    });
    seen.push(...(await valuesOf(machine, collector, "receive_bytes")));
  }
  assert.deepEqual(seen, [4294967200, 2 ** 32 + 904, 10]);
});

test("devices, users and processes whose names are not UTF-8 stay different", async () => {
  const bytes = (text: string): Uint8Array => Buffer.from(text, "latin1");
  const machine = new FileMachine({
    "proc/self/net/dev": bytes(netDev([netRow("l\u00e4n", 5), netRow("l\u00f6n", 7)])),
    "etc/passwd": bytes("r\u00e4:x:0:0::/:/bin/sh\nr\u00f6:x:0:0::/:/bin/sh\n"),
  });
  const network = createNetworkCollector(machine.sources, SETTINGS);
  assert.deepEqual(await machine.lines(network, "receive_bytes"), [
    'pihealth_network_receive_bytes_total{device="l\\\\xe4n"} 5',
    'pihealth_network_receive_bytes_total{device="l\\\\xf6n"} 7',
  ]);
  assert.deepEqual(await machine.lines(createUsersCollector(machine.sources), "root_info"), [
    'pihealth_user_root_info{user="r\\\\xe4"} 1',
    'pihealth_user_root_info{user="r\\\\xf6"} 1',
  ]);
});

test("of hundreds of network devices, those with addresses and hardware are shown", async () => {
  const bridges = Array.from({ length: 500 }, (_, index) => netRow(`br${index}`, 10_000 + index));
  const machine = new FileMachine({
    "proc/self/net/dev": netDev([
      ...bridges,
      netRow("wlan0", 1),
      netRow("eth0", 1),
      netRow("wg0", 1),
    ]),
    "proc/self/net/route":
      "Iface Destination Gateway\nwlan0 00000000 0102A8C0\nwg0 0000010A 00000000\n",
    "proc/self/net/if_inet6":
      "fe800000000000000000000000000001 02 40 20 80     br3\n20010db8000000000000000000000001 02 40 00 80     br7\n",
    "sys/class/net/eth0/device/vendor": "x\n",
  });
  const collector = createNetworkCollector(machine.sources, SETTINGS);
  const lines = await machine.lines(collector, "receive_bytes");
  const shown = lines.map((line) => line.split('"')[1] ?? "");
  assert.equal(shown.length, 32);
  assert.deepEqual(shown.slice(0, 4), ["wlan0", "br7", "eth0", "wg0"]);
  assert.ok(shown.includes("br499") && !shown.includes("br3"));
  assert.deepEqual(await machine.lines(collector, "left_out"), [
    'pihealth_collector_rows_left_out{collector="network",kind="device"} 471',
  ]);
});

const netdev = (bytes: number, packets: number): string =>
  `a\nb\neth0: ${bytes} ${packets} 0 0 0 0 0 0 5 5 0 0 0 0 0 0\n`;
const diskstats = (reads: number, ms: number): string =>
  `8 0 sda ${reads} 0 9 0 9 0 9 0 0 ${ms} 0\n`;

interface RestartCase {
  readonly name: string;
  readonly create: (sources: Sources) => Collector;
  readonly file: string;
  readonly series: string;
  readonly readings: readonly string[];
  /** Values shown, with a restart after the second reading. */
  readonly shown: readonly number[];
  /** The reading steps back while no exporter runs, which only the write at the stop covers. */
  readonly isDuringRestart?: true;
}

const RESTARTS: readonly RestartCase[] = [
  {
    name: "an idle time that is held",
    create: createCpuCollector,
    file: "proc/stat",
    series: 'pihealth_cpu_seconds_total{cpu="0",mode="iowait"}',
    readings: ["1 0 1 9 900", "1 0 1 9 800", "1 0 1 9 801", "1 0 1 9 1000"].map((cpu0) =>
      stat({ cpu0 }),
    ),
    shown: [9, 9, 9, 10],
  },
  {
    name: "a core that went offline before",
    isDuringRestart: true,
    create: createCpuCollector,
    file: "proc/stat",
    series: 'pihealth_cpu_seconds_total{cpu="1",mode="idle"}',
    readings: ["1 0 1 90000", "1 0 1 90000", "1 0 1 89000", "1 0 1 91000"].map((cpu1) =>
      stat({ cpu0: "1 0 1 9", cpu1 }),
    ),
    shown: [900, 900, 900, 920],
  },
  {
    name: "soft interrupts that were full",
    create: createSoftirqsCollector,
    file: "proc/softirqs",
    series: 'pihealth_softirqs_total{type="timer"}',
    readings: ["4294967200 7", "704 7", "804 7", "904"].map((timer) =>
      softirqs("CPU0 CPU1", timer),
    ),
    shown: [4294967207, 4294968007, 4294968107, 4294968207],
  },
  {
    name: "soft interrupts that are held",
    create: createSoftirqsCollector,
    file: "proc/softirqs",
    series: 'pihealth_softirqs_total{type="timer"}',
    readings: ["10000", "9990", "9995", "10001"].map((timer) => softirqs("CPU0", timer)),
    shown: [10000, 10000, 10000, 10001],
  },
  {
    name: "a disk time of 32 bits that was full",
    create: createDiskIoCollector,
    file: "proc/diskstats",
    series: 'pihealth_disk_io_time_seconds_total{disk="sda"}',
    readings: [diskstats(7, 4294967000), diskstats(8, 704), diskstats(9, 1704), diskstats(9, 2704)],
    shown: [4294967, 4294968, 4294969, 4294970],
  },
  {
    name: "a disk time that becomes full during the restart",
    isDuringRestart: true,
    create: createDiskIoCollector,
    file: "proc/diskstats",
    series: 'pihealth_disk_io_time_seconds_total{disk="sda"}',
    readings: [diskstats(7, 1000), diskstats(8, 4294967000), diskstats(9, 704), diskstats(9, 1704)],
    shown: [1, 4294967, 4294968, 4294969],
  },
  {
    name: "a counter of a network device that started over alone",
    create: (sources) => createNetworkCollector(sources, SETTINGS),
    file: "proc/self/net/dev",
    series: 'pihealth_network_receive_bytes_total{device="eth0"}',
    readings: [netdev(5000, 9), netdev(10, 10), netdev(20, 11), netdev(30, 12)],
    shown: [5000, 5000, 5010, 5020],
  },
];

/** Runs a collector for all readings; `write` tells whether the state file is written after it. */
async function runWithRestart(
  { create, file, series, readings }: RestartCase,
  { bootId, write }: { readonly bootId: string; readonly write: (kept: KeptCounters) => boolean },
): Promise<number[]> {
  const machine = new FileMachine({ [TAKES_A_WINDOW]: new Uint8Array() });
  machine.put(disks({ sda: "1000" }));
  let text = encodeKeptCounters("one", new Map());
  const start = (): { kept: KeptCounters; collector: Collector } => {
    const before = decodeKeptCounters(text);
    const kept = new KeptCounters(before.bootId === bootId ? before.rows : undefined);
    return { kept, collector: create({ ...machine.sources, keptCounters: kept }) };
  };
  let { kept, collector } = start();
  const shown: number[] = [];
  for (const [index, reading] of readings.entries()) {
    if (index === 2) ({ kept, collector } = start());
    machine.put({ [file]: reading });
    shown.push(Number((await machine.lines(collector, series)).join().split(" ").at(-1)));
    if (!write(kept)) continue;
    const rows = kept.rows();
    text = encodeKeptCounters("one", rows);
    kept.noteWritten(rows);
    assert.equal(kept.isWriteDue, false);
  }
  return shown;
}

for (const restart of RESTARTS) {
  test(`counters go on after a restart: ${restart.name}`, async () => {
    const { shown } = restart;
    const always = { bootId: "one", write: () => true };
    assert.deepEqual(await runWithRestart(restart, always), shown);
    const due = { bootId: "one", write: (kept: KeptCounters) => kept.isWriteDue };
    const [before = 0, after = 0] = (await runWithRestart(restart, due)).slice(1);
    if (restart.isDuringRestart !== true)
      assert.ok(
        after >= before,
        "the counter does not fall when the state is written if it is due",
      );
    const ofBoot = await runWithRestart(restart, { bootId: "two", write: () => true });
    const fresh = await runWithRestart(
      { ...restart, readings: restart.readings.slice(2) },
      { bootId: "two", write: () => false },
    );
    assert.deepEqual(ofBoot.slice(2), fresh, "another boot begins again");
  });
}

test("a counter that merely grows needs no write", async () => {
  const machine = new FileMachine();
  machine.put(disks({ sda: "1000" }));
  const kept = new KeptCounters();
  const collector = createDiskIoCollector({ ...machine.sources, keptCounters: kept });
  for (const count of [1, 5, 9]) {
    machine.put({ "proc/diskstats": diskstats(count, count) });
    await machine.lines(collector, "pihealth");
    assert.equal(kept.isWriteDue, false);
  }
});

for (const steal of ["18446744073709551615", "-3"]) {
  test(`a stolen time of ${steal} ticks stays unknown, and every other time is shown`, async () => {
    const machine = new FileMachine({ [TAKES_A_WINDOW]: new Uint8Array() });
    const collector = createCpuCollector(machine.sources);
    const seen: string[] = [];
    for (const stolen of [steal, "50", steal, "60"]) {
      machine.put({ "proc/stat": stat({ cpu0: `100 0 100 900 0 0 0 ${stolen}` }) });
      const lines = await machine.lines(collector, 'cpu="0"');
      seen.push(`${lines.length} ${lines.find((line) => line.includes("steal")) ?? ""}`);
    }
    const series = 'pihealth_cpu_seconds_total{cpu="0",mode="steal"}';
    assert.deepEqual(seen, ["7 ", `8 ${series} 0.5`, `8 ${series} 0.5`, `8 ${series} 0.6`]);
  });
}
