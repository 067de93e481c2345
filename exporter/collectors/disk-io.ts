/**
 * Bytes and operations of disks. Source: /proc/diskstats (Linux
 * Documentation/admin-guide/iostats.rst).
 */
import { readBlockDevices } from "../sources/block-devices.js";
import { CounterRows, parseCounter } from "../sources/counter-rows.js";
import { readFact, type FileTree } from "../sources/file-tree.js";
import type { Sources } from "../sources/sources.js";
import { itemAt } from "../shared/model/get-or-throw.js";
import { counter } from "../shared/model/metric.js";
import type { Clock } from "../shared/platform/clock.js";
import { NoDataError, type Collector } from "./collector.js";

export const READ_BYTES = counter({
  name: "pihealth_disk_read_bytes_total",
  help: "Bytes read from a disk since boot.",
  labels: ["disk"],
});
export const WRITTEN_BYTES = counter({
  name: "pihealth_disk_written_bytes_total",
  help: "Bytes written to a disk since boot.",
  labels: ["disk"],
});
export const READS = counter({
  name: "pihealth_disk_reads_completed_total",
  help: "Reads that a disk has completed since boot.",
  labels: ["disk"],
});
export const WRITES = counter({
  name: "pihealth_disk_writes_completed_total",
  help: "Writes that a disk has completed since boot.",
  labels: ["disk"],
});
export const IO_SECONDS = counter({
  name: "pihealth_disk_io_time_seconds_total",
  help: "Time that a disk was busy since boot, in seconds.",
  labels: ["disk"],
});

const SOURCE = "/proc/diskstats";
const SECTOR_BYTES = 512; // Statistics use sectors of this size on every disk.
/** Interval at which the list of disks is read again; at once when /proc/diskstats has other rows. */
const REFRESH_MS = 60_000;

const asIs = (count: number): number => count;
const sectorBytes = (sectors: number): number => sectors * SECTOR_BYTES;
const seconds = (milliseconds: number): number => milliseconds / 1000;

/** The counted columns, by their place after the name. */
const COLUMNS = [
  { column: 0, metric: READS, inBaseUnit: asIs },
  { column: 2, metric: READ_BYTES, inBaseUnit: sectorBytes },
  { column: 4, metric: WRITES, inBaseUnit: asIs },
  { column: 6, metric: WRITTEN_BYTES, inBaseUnit: sectorBytes },
  { column: 9, metric: IO_SECONDS, inBaseUnit: seconds },
];
const METRICS = COLUMNS.map(({ metric }) => metric);

export function createDiskIoCollector({ procfs, sysfs, clock, keptCounters }: Sources): Collector {
  const disks = new KnownDisks(sysfs, clock);
  const counters = new CounterRows({
    // Times are 32 bits wide in every kernel, the other columns in kernels of 32 bits.
    wrapAt: 2 ** 32,
    identityOf: (name) => readFact(sysfs, `block/${name.replaceAll("/", "!")}/diskseq`),
  });
  keptCounters?.keep("disk_io", counters);
  return {
    name: "disk_io",
    metrics: METRICS,
    async collect() {
      const rows = parseRows(await procfs.readText("diskstats"));
      const names = await disks.read(rows);
      const found = rows.filter(({ name }) => names.has(name));
      if (found.length === 0)
        throw new NoDataError("Cannot read disk counters: this machine has no disk");
      const shown = await counters.update(
        found.map(({ name, columns }) => ({
          name,
          values: COLUMNS.map(({ column }) => parseCounter(columns[column], SOURCE)),
        })),
      );
      return shown.flatMap(({ name: disk, values }) =>
        COLUMNS.flatMap(({ metric, inBaseUnit }, index) => {
          const value = itemAt(values, index);
          return Number.isNaN(value) ? [] : [metric.sample(inBaseUnit(value), { disk })];
        }),
      );
    },
  };
}

interface DiskRow {
  readonly name: string;
  readonly columns: readonly string[];
}

function parseRows(text: string): DiskRow[] {
  return text.split("\n").flatMap((line) => {
    const [, , name, ...columns] = line.trim().split(/ +/);
    return name === undefined ? [] : [{ name, columns }];
  });
}

/** The names of the whole disks, read again when the rows of /proc/diskstats change. */
class KnownDisks {
  private known: { names: ReadonlySet<string>; state: string; atMs: number } | undefined;

  constructor(
    private readonly sysfs: FileTree,
    private readonly clock: Clock,
  ) {}

  async read(rows: readonly DiskRow[]): Promise<ReadonlySet<string>> {
    // A card reader has a row without a card: its counters then stay 0.
    const state = rows.map(({ name, columns }) => `${name} ${columns[0] === "0"}`).join("\n");
    const atMs = this.clock.monotonicMs();
    const { known } = this;
    if (known?.state === state && atMs - known.atMs < REFRESH_MS) return known.names;
    const names = new Set((await readBlockDevices(this.sysfs)).disks.map(({ name }) => name));
    this.known = { names, state, atMs };
    return names;
  }
}
