/**
 * Stores rows until it is killed, telling its parent the number of each row that is durable.
 *
 * Arguments: data folder, number of the first row.
 */
import { Labels } from "../../../exporter/shared/model/labels.js";
import { systemClock } from "../../../exporter/shared/platform/clock.js";
import { realFiles } from "../../../exporter/shared/platform/files.js";
import { silentLogger } from "../../../exporter/shared/platform/logger.js";
import { Storage } from "../../../scraper/storage/storage.js";

/** Rows are a minute apart, so that a few thousand make blocks. Ends now, for the retention. */
export const ROW_MS = 60_000;
export const FIRST_ROW_MS = 1_700_000_000_000;
export const CRASH_SETTINGS = {
  path: "unused",
  retentionMs: 100 * 365 * 86_400_000,
  retentionBytes: 0,
  commitIntervalMs: 5000,
  blockDurationMs: 7_200_000,
  maxBlockDurationMs: 86_400_000,
};

async function main(folder: string, firstRow: number): Promise<void> {
  const parts = {
    folder,
    files: realFiles,
    clock: systemClock,
    log: silentLogger,
    settings: CRASH_SETTINGS,
  };
  const storage = await Storage.open(parts);
  const layout = storage.internLayout([
    Labels.of({ __name__: "row" }),
    Labels.of({ __name__: "noise" }),
  ]);
  const table = storage.openTable({ folder: "hosts/a", labels: Labels.EMPTY });
  for (let row = firstRow; ; row++) {
    table.append(FIRST_ROW_MS + row * ROW_MS, layout, Float64Array.of(row, Math.sin(row)));
    if (row % 3 !== 0) continue;
    await storage.commit();
    process.send?.(row);
    if (row % 30 === 0) {
      await storage.maintainJournal();
      await storage.maintainBlocks();
    }
  }
}

const [folder, firstRow] = process.argv.slice(2);
if (folder !== undefined && process.send !== undefined) await main(folder, Number(firstRow));
