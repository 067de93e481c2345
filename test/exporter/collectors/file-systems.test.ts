/** Disks and mounts are shown as df, findmnt and lsblk show them, and none is hidden. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import {
  DEFAULT_COLLECTOR_SETTINGS,
  type CollectorSettings,
} from "../../../exporter/collectors/collector-settings.js";
import { type Collector } from "../../../exporter/collectors/collector.js";
import { createDiskIoCollector } from "../../../exporter/collectors/disk-io.js";
import { createDiskCollector } from "../../../exporter/collectors/disk.js";
import { FileSystems } from "../../../exporter/sources/file-systems.js";
import { FIXTURES } from "../../support/repository.js";
import { findAlarms } from "../../../exporter/alarms/alarm-rules.js";
import { FileMachine, disks, room } from "../file-machine.js";
import { collectWith } from "../machine-fixture.js";

const SETTINGS = DEFAULT_COLLECTOR_SETTINGS;

test("a disk that is plugged in has counters at the next sampling", async () => {
  const machine = new FileMachine({
    ...disks({ sda: "1000", sdb: "0" }),
    "proc/diskstats": "8 0 sda 1 0 8 1 2 0 16 1 0 5 5\n8 16 sdb 0 0 0 0 0 0 0 0 0 0 0\n",
  });
  const collector = createDiskIoCollector(machine.sources);
  const named = async (): Promise<string[]> =>
    (await machine.lines(collector, "reads_completed")).map((line) => line.split('"')[1] ?? "");
  assert.deepEqual(await named(), ["sda"]);
  machine.put({
    ...disks({ sda: "1000", sdb: "500", sdc: "700" }),
    "proc/diskstats":
      "8 0 sda 1 0 8 1 2 0 16 1 0 5 5\n8 16 sdb 3 0 8 0 0 0 0 0 0 0 0\n8 32 sdc 1 0 8 1 2 0 16 1 0 5 5\n",
  });
  assert.deepEqual(await named(), ["sda", "sdb", "sdc"]);
});

test("a disk whose name has a slash has that name everywhere", async () => {
  const machine = new FileMachine({
    "sys/block/cciss!c0d0/dev": "104:0\n",
    "sys/block/cciss!c0d0/size": "1000\n",
    "sys/block/cciss!c0d0/cciss!c0d0p1/dev": "104:1\n",
    "proc/diskstats": " 104 0 cciss/c0d0 10 0 80 1 20 0 160 1 0 5 5\n",
    "proc/self/mountinfo": "26 1 104:1 / / rw - ext4 /dev/root rw\n",
  });
  machine.fileSystems.set("/", room(1000, 500));
  const lines = [
    ...(await machine.lines(createDiskIoCollector(machine.sources), "reads_completed")),
    ...(await machine.lines(createDiskCollector(machine.sources, SETTINGS), "disk=")),
    ...(await machine.lines(createDiskCollector(machine.sources, SETTINGS), "device=")),
  ];
  assert.deepEqual(lines.slice(0, 4), [
    'pihealth_disk_reads_completed_total{disk="cciss/c0d0"} 10',
    'pihealth_disk_size_bytes{disk="cciss/c0d0"} 512000',
    'pihealth_disk_available_bytes{disk="cciss/c0d0"} 500',
    'pihealth_disk_used_ratio{disk="cciss/c0d0"} 0.5',
  ]);
  assert.match(lines[4] ?? "", /device="\/dev\/cciss\/c0d0p1"/);
});

test("hidden paths of a disk are no disks, and partitions of composed devices are on their disks", async () => {
  const machine = new FileMachine({
    ...disks({ nvme0n1: "1000", nvme0c0n1: "1000", sda: "500", sdb: "500", bcache0: "500" }),
    "sys/block/nvme0c0n1/hidden": "1\n",
    "sys/block/nvme0n1/hidden": "0\n",
    "sys/block/sda/sda1/dev": "8:1\n",
    "sys/block/md0/dev": "9:0\n",
    "sys/block/md0/size": "400\n",
    "sys/block/md0/slaves/sda1/x": "",
    "sys/block/md0/md0p1/dev": "259:1\n",
    "sys/block/md0/md0p2/dev": "259:2\n",
    "sys/block/dm-0/dev": "252:0\n",
    "sys/block/dm-0/slaves/md0p2/x": "",
    "sys/block/md_home/dev": "9:126\n",
    "sys/block/md_home/size": "400\n",
    "sys/block/md_home/slaves/dm-0/x": "",
    "sys/block/bcache0/slaves/sdb/x": "",
    "proc/diskstats": ["nvme0c0n1", "nvme0n1", "sda", "sdb", "md0", "bcache0"]
      .map((name) => `8 0 ${name} 1 0 8 1 2 0 16 1 0 5 5\n`)
      .join(""),
    "proc/self/mountinfo": [
      "26 1 259:1 / / rw - ext4 /dev/md0p1 rw",
      "27 26 9:126 / /home rw - ext4 /dev/md/home rw",
    ].join("\n"),
  });
  machine.fileSystems.set("/", room(1000, 500)).set("/home", room(1000, 100));
  const disk = createDiskCollector(machine.sources, SETTINGS);
  const names = (lines: string[]): string[] => lines.map((line) => line.split('"')[1] ?? "");
  const real = ["nvme0n1", "sda", "sdb"];
  assert.deepEqual(names(await machine.lines(disk, "disk_size_bytes")), real);
  const io = createDiskIoCollector(machine.sources);
  assert.deepEqual(names(await machine.lines(io, "reads_completed")), real);
  assert.deepEqual(await machine.lines(disk, "disk_available_bytes"), [
    'pihealth_disk_available_bytes{disk="sda"} 600',
  ]);
});

test("of thousands of mounts, those on disks are asked first", async () => {
  const pods = Array.from(
    { length: 4200 },
    (_, index) => `${500 + index} 26 0:${200 + index} / /pods/${index} rw - tmpfs shm rw`,
  );
  const machine = new FileMachine({
    "proc/self/mountinfo": [...pods, "26 1 8:18 / /srv rw - ext4 /dev/sdb2 rw"].join("\n"),
  });
  for (let index = 0; index < 4200; index++)
    machine.fileSystems.set(`/pods/${index}`, room(1000, 900));
  machine.fileSystems.set("/srv", room(1e11, 1e9));
  assert.deepEqual(await levelOf(machine, createDiskCollector(machine.sources, SETTINGS)), [
    'pihealth_alarm_level{family="disk"} 2',
    'pihealth_collector_rows_left_out{collector="disk",kind="filesystem"} 4137',
  ]);
});

/** Every level and every row that is left out. */
async function levelOf(machine: FileMachine, collector: Collector): Promise<string[]> {
  const lines = await machine.lines(collector);
  return lines.filter((line) => /alarm_level|left_out.*"filesystem"/.test(line));
}

test("a full disk behind eighty pod mounts is shown and decides the level", async () => {
  const pods = Array.from(
    { length: 80 },
    (_, index) =>
      `${500 + index} 26 0:${200 + index} / /run/pods/${index}/shm rw - tmpfs shm rw,size=65536k`,
  );
  const machine = new FileMachine({
    ...disks({ sda: "1000", sdb: "2000" }),
    "sys/block/sdb/sdb2/dev": "8:18\n",
    "proc/self/mountinfo": [
      "26 1 8:0 / / rw - ext4 /dev/sda rw",
      ...pods,
      "700 26 8:18 / /srv rw - ext4 /dev/sdb2 rw",
    ].join("\n"),
  });
  for (let index = 0; index < 80; index++)
    machine.fileSystems.set(`/run/pods/${index}/shm`, room(67_108_864 + index, 67_108_864));
  machine.fileSystems.set("/", room(1e11, 5e10));
  machine.fileSystems.set("/srv", room(1e11, 1e9));
  const collector = createDiskCollector(machine.sources, SETTINGS);
  assert.deepEqual(await levelOf(machine, collector), [
    'pihealth_alarm_level{family="disk"} 2',
    'pihealth_collector_rows_left_out{collector="disk",kind="filesystem"} 18',
  ]);
  const rows = await machine.lines(collector, "filesystem_size_bytes");
  assert.equal(rows.length, 64);
  assert.ok(rows.some((row) => row.includes('mountpoint="/srv"')));
});

test("a full memory file system that is too small to be shown is shown because it decides", async () => {
  const lines = Array.from(
    { length: 90 },
    (_, index) => `${30 + index} 1 0:${30 + index} / /m${index} rw - tmpfs t rw`,
  );
  const machine = new FileMachine({ "proc/self/mountinfo": lines.join("\n") });
  for (let index = 0; index < 90; index++) machine.fileSystems.set(`/m${index}`, room(1000, 900));
  machine.fileSystems.set("/m77", room(10, 0));
  const collector = createDiskCollector(machine.sources, SETTINGS);
  assert.ok((await levelOf(machine, collector)).includes('pihealth_alarm_level{family="disk"} 2'));
  assert.equal(
    (await machine.lines(collector, 'size_bytes{device="t",mountpoint="/m77"')).length,
    1,
  );
});

for (const name of ["bound read-only at a shorter path", "bound read-only over itself"]) {
  test(`a full writable disk that is ${name} is not read-only`, async () => {
    const file = path.join(FIXTURES, "mounts", name.replaceAll(" ", "-"));
    const machine = new FileMachine({ "proc/self/mountinfo": readFileSync(file) });
    machine.fileSystems.set("/", room(1000, 900));
    for (const mount of ["/nix/store", "/srv/media-library", "/export"])
      machine.fileSystems.set(mount, room(1000, 10));
    const collector = createDiskCollector(machine.sources, SETTINGS);
    const lines = await machine.lines(collector);
    assert.ok(lines.includes('pihealth_alarm_level{family="disk"} 2'), lines.join("\n"));
    assert.deepEqual(
      lines.filter((line) => line.includes("readonly") && !line.endsWith(" 0")),
      [],
    );
  });
}

const MOUNTS = [
  "26 1 8:1 / / rw - ext4 /dev/sda1 rw",
  "30 26 8:2 / /data rw - ext4 /dev/sdb1 rw",
].join("\n");

test("a full file system that stops answering, or fails, keeps its level until it answers", async () => {
  const machine = new FileMachine({ "proc/self/mountinfo": MOUNTS });
  const collector = createDiskCollector(machine.sources, SETTINGS);
  const levels: string[] = [];
  for (const answer of [
    room(1000, 5),
    Object.assign(new Error("input/output error"), { code: "EIO" }),
    Object.assign(new Error("not connected"), { code: "ENOTCONN" }),
    "dead",
    "dead",
  ] as const) {
    machine.fileSystems.set("/", room(1000, 900));
    machine.fileSystems.set("/data", answer);
    levels.push(...(await machine.lines(collector, "alarm_level")));
  }
  assert.deepEqual(
    levels.map((line) => line.at(-1)),
    ["2", "2", "2", "2", "2"],
  );
  const stuck = await machine.lines(collector, "stuck");
  assert.equal(stuck.filter((line) => line.endsWith(" 1")).length, 1);
  const [last = ""] = await machine.lines(collector, "last_used_ratio");
  assert.match(last, /mountpoint="\/data",fstype="ext4"\} 0\.995$/);
  const [alarm] = findAlarms(await collectWith(machine.clock, collector));
  assert.equal(alarm?.fact, "/data was 99.5% full when it last answered");
});

test("a file system that answers again, or is unmounted, ends its level", async () => {
  const machine = new FileMachine({ "proc/self/mountinfo": MOUNTS });
  const collector = createDiskCollector(machine.sources, SETTINGS);
  machine.fileSystems.set("/", room(1000, 900));
  machine.fileSystems.set("/data", room(1000, 5));
  assert.match((await machine.lines(collector, "alarm_level")).join(), / 2$/);
  machine.fileSystems.set("/data", room(1000, 500));
  assert.match((await machine.lines(collector, "alarm_level")).join(), / 0$/);
  machine.fileSystems.set("/data", room(1000, 5));
  assert.match((await machine.lines(collector, "alarm_level")).join(), / 2$/);
  machine.put({ "proc/self/mountinfo": MOUNTS.split("\n")[0] ?? "" });
  assert.match((await machine.lines(collector, "alarm_level")).join(), / 0$/);
});

test("local file systems are asked before network file systems that never answer", async () => {
  const machine = new FileMachine({
    "proc/self/mountinfo": [
      "26 1 8:1 / / rw - ext4 /dev/sda1 rw",
      "30 26 0:50 / /a-nas rw - nfs4 srv1:/v rw",
      "31 26 0:51 / /b-nas rw - fuse.sshfs srv2:/v rw",
      "32 26 0:52 / /var rw - tmpfs localdisk rw",
    ].join("\n"),
  });
  machine.fileSystems.set("/", room(1000, 900));
  machine.fileSystems.set("/a-nas", "dead");
  machine.fileSystems.set("/b-nas", "dead");
  machine.fileSystems.set("/var", room(1000, 0));
  const settings: CollectorSettings = {
    ...SETTINGS,
    disk: { ...SETTINGS.disk, includesNetwork: true },
  };
  const collector = createDiskCollector(machine.sources, settings);
  assert.deepEqual(await levelOf(machine, collector), [
    'pihealth_alarm_level{family="disk"} 2',
    'pihealth_collector_rows_left_out{collector="disk",kind="filesystem"} 0',
  ]);
  assert.equal((await machine.lines(collector, 'size_bytes{device="localdisk"')).length, 1);
});

test("a mount point that is not UTF-8 is asked by its bytes and shown with escapes", async () => {
  const machine = new FileMachine({
    "proc/self/mountinfo": Buffer.from(
      [
        "26 1 8:1 / / rw - ext4 /dev/sda1 rw",
        "30 26 0:50 / /m/lat\xe4n rw - tmpfs one rw",
        "31 26 0:51 / /m/lat\xf6n\\040x rw - tmpfs two rw",
      ].join("\n"),
      "latin1",
    ),
  });
  for (const mount of ["/", "/m/lat\xe4n", "/m/lat\xf6n x"])
    machine.fileSystems.set(mount, room(1000, 900));
  const lines = await machine.lines(createDiskCollector(machine.sources, SETTINGS), "_inodes");
  assert.deepEqual(lines, []);
  const sizes = await machine.lines(
    createDiskCollector(machine.sources, SETTINGS),
    "em_size_bytes",
  );
  assert.deepEqual(
    sizes.map((line) => /mountpoint="([^"]*)"/.exec(line)?.[1]),
    ["/", "/m/lat\\\\xe4n", "/m/lat\\\\xf6n x"],
  );
});

test("a mount that another one covers is not shown with the space of the other", async () => {
  const machine = new FileMachine({
    "proc/self/mountinfo": [
      "26 1 8:1 / / rw - ext4 /dev/sda1 rw",
      "30 26 8:2 / /data rw - ext4 /dev/sdb1 rw",
      "31 30 8:3 / /data/old rw - ext4 /dev/sdc1 rw",
      "32 30 8:4 / /data rw - ext4 /dev/sdd1 rw",
    ].join("\n"),
  });
  for (const mount of ["/", "/data", "/data/old"]) machine.fileSystems.set(mount, room(1000, 900));
  const lines = await machine.lines(
    createDiskCollector(machine.sources, SETTINGS),
    "em_size_bytes",
  );
  assert.deepEqual(
    lines.map((line) => /device="([^"]*)"/.exec(line)?.[1]),
    ["/dev/sda1", "/dev/sdd1"],
  );
});

test("a mount that may not be asked is counted", async () => {
  const machine = new FileMachine({ "proc/self/mountinfo": MOUNTS });
  machine.fileSystems.set("/", room(1000, 900));
  machine.fileSystems.set("/data", Object.assign(new Error("no"), { code: "EACCES" }));
  const lines = await machine.lines(createDiskCollector(machine.sources, SETTINGS), "left_out");
  assert.ok(lines[1]?.endsWith('kind="filesystem_without_permission"} 1'), lines.join());
});

test("a mountinfo that names no mount fails the collector", async () => {
  const machine = new FileMachine({ "proc/self/mountinfo": "rubbish\n" });
  const collector = createDiskCollector(machine.sources, SETTINGS);
  await assert.rejects(collectWith(machine.clock, collector), /names no mount/);
});

test("a btrfs on an encrypted disk belongs to its disk by the name of the mapping", async () => {
  const machine = new FileMachine({
    ...disks({ sda: "1000" }),
    "sys/block/sda/sda2/dev": "8:2\n",
    "sys/block/dm-0/dev": "253:0\n",
    "sys/block/dm-0/dm/name": "cryptroot\n",
    "sys/block/dm-0/slaves/sda2/dev": "8:2\n",
    "proc/self/mountinfo": "26 1 0:30 /@ / rw - btrfs /dev/mapper/cryptroot rw\n",
  });
  machine.fileSystems.set("/", room(1000, 250));
  const collector = createDiskCollector(machine.sources, SETTINGS);
  assert.deepEqual(await machine.lines(collector, "disk_used_ratio"), [
    'pihealth_disk_used_ratio{disk="sda"} 0.75',
  ]);
});

test("the level is not known while no writable file system has answered, and normal without any", async () => {
  const machine = new FileMachine({
    "proc/self/mountinfo": "26 1 8:1 / / rw - ext4 /dev/sda1 rw\n",
  });
  const collector = createDiskCollector(machine.sources, SETTINGS);
  machine.fileSystems.set("/", Object.assign(new Error("no"), { code: "EIO" }));
  assert.deepEqual(await machine.lines(collector, "alarm_level"), []);
  machine.put({ "proc/self/mountinfo": "26 1 8:1 / / ro - ext4 /dev/sda1 ro\n" });
  assert.match((await machine.lines(collector, "alarm_level")).join(), / 0$/);
});

for (const { name, answer } of [
  { name: "has no size", answer: room(0, 0) },
  { name: "may not be asked", answer: Object.assign(new Error("no"), { code: "EACCES" }) },
  { name: "is not found", answer: Object.assign(new Error("no"), { code: "ENOENT" }) },
]) {
  test(`a full file system that ${name} for a while keeps its level`, async () => {
    const machine = new FileMachine({ "proc/self/mountinfo": MOUNTS });
    machine.fileSystems.set("/", room(1000, 900)).set("/data", room(1000, 5));
    const collector = createDiskCollector(machine.sources, SETTINGS);
    const level = async (): Promise<string> =>
      (await machine.lines(collector, "alarm_level")).join();
    assert.match(await level(), / 2$/);
    machine.fileSystems.set("/data", answer);
    assert.match(await level(), / 2$/);
    machine.fileSystems.set("/data", room(1000, 900));
    assert.match(await level(), / 0$/);
  });
}

test("a mount that this process does not see is counted", async () => {
  const own = MOUNTS.split("\n").slice(0, 1).join("\n");
  const machine = new FileMachine({ "proc/1/mountinfo": MOUNTS, "proc/self/mountinfo": own });
  machine.fileSystems.set("/", room(1000, 900));
  const collector = createDiskCollector(machine.sources, SETTINGS);
  assert.deepEqual(await machine.lines(collector, "out_of_reach"), [
    'pihealth_collector_rows_left_out{collector="disk",kind="filesystem_out_of_reach"} 1',
  ]);
  assert.equal((await machine.lines(collector, "filesystem_size")).length, 1);
});

test("dozens of servers that do not answer leave the run within its deadline", async () => {
  const nas = Array.from(
    { length: 60 },
    (_, index) => `${50 + index} 26 0:${50 + index} / /n${index} rw - nfs4 nas:/x rw`,
  );
  const machine = new FileMachine({ "proc/self/mountinfo": [...nas, MOUNTS].join("\n") });
  const { clock } = machine;
  /** Ends when it is told to, as a process that waits for a server does. */
  const program = (_: unknown, signal: AbortSignal): Promise<never> =>
    new Promise((_resolve, reject) => {
      signal.addEventListener("abort", () => reject(new Error("ended")), { once: true });
    });
  const fileSystems = new FileSystems({ clock, statfs: async () => room(1000, 5), program });
  const disk = { ...SETTINGS.disk, includesNetwork: true };
  const collector = createDiskCollector({ ...machine.sources, fileSystems }, { ...SETTINGS, disk });
  for (let run = 0; run < 3; run++) {
    const startMs = clock.monotonicMs();
    assert.match((await machine.lines(collector, "alarm_level")).join(), / 2$/);
    assert.ok(clock.monotonicMs() - startMs < 10_000, "the deadline of the collector");
  }
});
