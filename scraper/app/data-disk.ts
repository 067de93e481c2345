import { gauge, type MetricsSource, type Sample } from "../../exporter/shared/model/metric.js";
import type { Clock } from "../../exporter/shared/platform/clock.js";
import type { Files, FileSystemFacts } from "../../exporter/shared/platform/files.js";

export const DATA_DISK_METRICS = {
  sizeBytes: gauge({
    name: "pihealth_data_disk_size_bytes",
    help: "Size of the file system that holds the data folder, in bytes.",
  }),
  availableBytes: gauge({
    name: "pihealth_data_disk_available_bytes",
    help: "Bytes that the scraper can still write to the file system of its data folder.",
  }),
};

/** Values older than this are read again. */
const KEEP_MS = 10_000;

/**
 * The room on the disk of the data folder. A read runs beside `/metrics`, which shows the last
 * known values: a dead network disk must not stop it.
 */
export class DataDisk implements MetricsSource {
  readonly metrics = Object.values(DATA_DISK_METRICS);
  private known: FileSystemFacts | undefined;
  private readMs = Number.NEGATIVE_INFINITY;
  private isReading = false;

  constructor(
    private readonly parts: {
      readonly folder: string;
      readonly files: Files;
      readonly clock: Clock;
    },
  ) {}

  /** Reads the room once. Without an answer there are no metrics. */
  async read(): Promise<void> {
    const { files, folder, clock } = this.parts;
    if (this.isReading) return;
    this.isReading = true;
    try {
      this.known = await files.fileSystemFacts(folder);
    } catch {
      this.known = undefined; // The storage reports what is wrong with its folder.
    } finally {
      this.readMs = clock.monotonicMs();
      this.isReading = false;
    }
  }

  readMetrics(): Sample[] {
    if (this.parts.clock.monotonicMs() - this.readMs > KEEP_MS) void this.read();
    if (this.known === undefined) return [];
    return [
      DATA_DISK_METRICS.sizeBytes.sample(this.known.sizeBytes),
      DATA_DISK_METRICS.availableBytes.sample(this.known.availableBytes),
    ];
  }
}
