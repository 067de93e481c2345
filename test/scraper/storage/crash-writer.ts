/**
 * Stores rows until it is killed. It reports the number of the last durable row to its parent again and
 * again, also while it opens the folder and while it moves rows to blocks.
 *
 * Arguments: data folder, number of the first row.
 */
import { Labels } from "../../../exporter/shared/model/labels.js";
import { systemClock } from "../../../exporter/shared/platform/clock.js";
import { realFiles } from "../../../exporter/shared/platform/real-files.js";
import { silentLogger } from "../../../exporter/shared/platform/logger.js";
import { Storage } from "../../../scraper/storage/storage.js";

/** Rows are a minute apart, so that a few thousand make blocks. */
export const ROW_MS = 60_000;
export const FIRST_ROW_MS = 1_700_000_000_000;
/** After this many rows there is a late one as well, at a time this many rows and a half back. */
export const LATE_EVERY_ROWS = 5;
export const LATE_BY_ROWS = 40;
export const CRASH_SETTINGS = {
  path: "unused",
  retentionMs: 100 * 365 * 86_400_000,
  retentionBytes: 0,
  commitIntervalMs: 5000,
  syncIntervalMs: 5000,
  blockDurationMs: 1_800_000,
  maxBlockDurationMs: 86_400_000,
  queryCacheBytes: 64 * 1024 * 1024,
};

export const lateTimeMs = (row: number): number =>
  FIRST_ROW_MS + (row - LATE_BY_ROWS) * ROW_MS + ROW_MS / 2;

async function main(folder: string, firstRow: number): Promise<void> {
  let durable = firstRow - 1;
  const report = (): void => void process.send?.(durable);
  report();
  const storage = await Storage.open({
    folder,
    files: realFiles,
    clock: systemClock,
    log: silentLogger,
    settings: CRASH_SETTINGS,
  });
  const layoutOf = (...names: string[]): ReturnType<Storage["internLayout"]> =>
    storage.internLayout(names.map((name) => Labels.of({ __name__: name })));
  const lateLayout = layoutOf("late");
  const layouts = [layoutOf("row", "noise"), layoutOf("row", "noise", "sometimes")];
  const table = storage.openTable({ folder: "hosts/a", labels: Labels.EMPTY });
  report();
  for (let row = firstRow; ; row++) {
    if (row % LATE_EVERY_ROWS === 0)
      table.append(lateTimeMs(row), lateLayout, Float64Array.of(row));
    const layout = layouts[row % 11 < 8 ? 0 : 1] ?? lateLayout;
    const values = [row, Math.sin(row), 1].slice(0, layout.series.length);
    table.append(FIRST_ROW_MS + row * ROW_MS, layout, Float64Array.from(values));
    if (row % 3 !== 0) continue;
    await storage.commit();
    durable = row;
    report();
    if (row % 15 !== 0) continue;
    await storage.maintainJournal();
    report();
    await storage.maintainBlocks();
    report();
  }
}

const [folder, firstRow] = process.argv.slice(2);
if (folder !== undefined && process.send !== undefined) await main(folder, Number(firstRow));
