import { itemAt } from "../../../exporter/shared/model/get-or-throw.js";
import { METRIC_NAME, type Labels } from "../../../exporter/shared/model/labels.js";
import { bitsOf, isStaleAt } from "../../../exporter/shared/model/special-values.js";
import type {
  Layout,
  SampleWriter,
  StampedSamples,
  TableKey,
  TableWriter,
} from "../../../scraper/storage/model/sample-writer.js";

export interface StoredRow {
  readonly timestampMs: number;
  readonly layout: Layout;
  readonly values: Float64Array;
}

export class MemoryTable implements TableWriter {
  readonly rows: StoredRow[] = [];

  constructor(readonly key: TableKey) {}

  append(timestampMs: number, layout: Layout, values: Float64Array): "appended" | "late" {
    if (values.length !== layout.series.length)
      throw new Error(`${values.length} values for ${layout.series.length} series`);
    const last = this.rows.at(-1);
    this.rows.push({ timestampMs, layout, values: values.slice() });
    return last === undefined || timestampMs > last.timestampMs ? "appended" : "late";
  }

  /** Keeps one row per timestamp. */
  appendStamped({ layout, columns, timestamps, values }: StampedSamples): number {
    for (const timestampMs of [...new Set(timestamps)].sort((left, right) => left - right)) {
      const here = Array.from(timestamps.keys()).filter((at) => timestamps[at] === timestampMs);
      const series = here.map((at) => itemAt(layout.series, columns?.[at] ?? at));
      this.append(
        timestampMs,
        { id: -timestampMs, series },
        Float64Array.from(here, (at) => values[at] ?? NaN),
      );
    }
    return 0;
  }

  async prepare(): Promise<void> {
    // A row in memory needs no preparation.
  }
}

/** Storage that keeps every row, with layouts interned as the real one does. */
export class MemorySampleWriter implements SampleWriter {
  readonly tables = new Map<string, MemoryTable>();
  readonly layouts = new Map<string, Layout>();
  onRow: () => void = () => undefined;

  internLayout(series: readonly Labels[]): Layout {
    const key = series.map((labels) => labels.key).join("\n\n");
    if (new Set(series.map((labels) => labels.key)).size !== series.length)
      throw new Error("a series is there twice");
    const known = this.layouts.get(key);
    if (known !== undefined) return known;
    const layout = { id: this.layouts.size + 1, series: [...series] };
    this.layouts.set(key, layout);
    return layout;
  }

  async internLayoutInSlices(series: readonly Labels[]): Promise<Layout> {
    return this.internLayout(series);
  }

  holdLayouts(): () => void {
    return () => undefined; // Nothing is forgotten.
  }

  openTable(key: TableKey): TableWriter {
    const text = `${key.folder} ${key.labels.toString()}`;
    const known = this.tables.get(text);
    if (known !== undefined) return known;
    const table = new MemoryTable(key);
    this.tables.set(text, table);
    return table;
  }

  async commit(): Promise<void> {
    // Everything is in memory.
  }

  /** The only table, or the one whose folder ends so. */
  table(folderEnd = ""): MemoryTable {
    const found = [...this.tables.values()].find(
      ({ key }) => key.folder.endsWith(folderEnd) && key.labels.pairs.length > 0,
    );
    if (found === undefined) throw new Error(`no table of "${folderEnd}"`);
    return found;
  }
}

/** `a{x="1"} 5` per sample, `stale` for markers; scrape durations are left out as they differ. */
export function showRow({ layout, values }: StoredRow): string[] {
  const bits = bitsOf(values);
  const shown = layout.series.map((labels, index) => {
    return `${labels.toString()} ${isStaleAt(bits, index) ? "stale" : values[index]}`;
  });
  return shown.filter(
    (_, index) => layout.series[index]?.get(METRIC_NAME) !== "scrape_duration_seconds",
  );
}

/** As `showRow`, without the reports but `up`. */
export function showSamples(row: StoredRow): string[] {
  return showRow(row).filter((line) => !line.startsWith("scrape_"));
}
