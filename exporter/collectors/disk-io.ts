/**
 * Bytes and operations of disks. Source: /proc/diskstats (Linux
 * Documentation/admin-guide/iostats.rst).
 */
import { parseNumber } from "../sources/broken-source-error.js";
import { readBlockDevices } from "../sources/block-devices.js";
import type { Sources } from "../sources/sources.js";
import { counter } from "../shared/model/metric.js";
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
const REFRESH_MS = 600_000; // Interval at which the list of disks is read again.

export function createDiskIoCollector({ procfs, sysfs, clock }: Sources): Collector {
  let disks = new Set<string>();
  let listedAtMs: number | undefined;
  return {
    name: "disk_io",
    metrics: [READ_BYTES, WRITTEN_BYTES, READS, WRITES, IO_SECONDS],
    async collect() {
      if (listedAtMs === undefined || clock.monotonicMs() - listedAtMs >= REFRESH_MS) {
        disks = new Set((await readBlockDevices(sysfs)).disks.map(({ name }) => name));
        listedAtMs = clock.monotonicMs();
      }
      const lines = (await procfs.readText("diskstats"))
        .split("\n")
        .map((line) => line.trim().split(/ +/));
      const found = lines.filter(([, , name]) => name !== undefined && disks.has(name));
      if (found.length === 0)
        throw new NoDataError("Cannot read disk counters: this machine has no disk");
      return found.flatMap(([, , disk = "", ...columns]) => {
        const value = (column: number): number => parseNumber(columns[column], SOURCE);
        return [
          READS.sample(value(0), { disk }),
          READ_BYTES.sample(value(2) * SECTOR_BYTES, { disk }),
          WRITES.sample(value(4), { disk }),
          WRITTEN_BYTES.sample(value(6) * SECTOR_BYTES, { disk }),
          IO_SECONDS.sample(value(9) / 1000, { disk }),
        ];
      });
    },
  };
}
