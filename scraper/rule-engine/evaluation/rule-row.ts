import type { Labels } from "../../../exporter/shared/model/labels.js";
import { bitsOf, setStaleAt } from "../../../exporter/shared/model/special-values.js";
import type { TimeSlices } from "../../../exporter/shared/platform/time-slices.js";
import type { SampleWriter, TableWriter } from "../../storage/model/sample-writer.js";
import type { RuleSample } from "./alerting-rule-state.js";

/** Folder with the results of rules, beside the folders of the hosts. */
export const RULES_FOLDER = "rules";

/** From this number of series on, the table is prepared for the row. */
const LARGE_ROW = 1000;

interface PendingSample {
  readonly labels: Labels;
  readonly value: number | undefined;
}

/**
 * Collects the results of the rules of a group at one time, which are written as one row.
 *
 * If a rule reads the result of an earlier rule of its group, `flush` has to run before it, and the
 * remaining results form another row.
 */
export class RuleRow {
  /** Undefined values stand for staleness markers. */
  private pending = new Map<string, PendingSample>();
  /** Metric names of the pending series: rules share few. */
  private readonly names = new Set<string>();

  constructor(
    private readonly writer: SampleWriter,
    private readonly table: TableWriter,
    private readonly timeMs: number,
  ) {}

  /** @returns 1 when the sample was dropped because an earlier rule of the row has the same series */
  add({ labels, value }: RuleSample): 0 | 1 {
    if (this.pending.get(labels.key)?.value !== undefined) return 1;
    this.put(labels, value);
    return 0;
  }

  /** Ends a series, unless a rule of the row has it. */
  end(labels: Labels): void {
    if (!this.pending.has(labels.key)) this.put(labels, undefined);
  }

  /**
   * True when `flush` has to run before the rule is evaluated. In doubt it returns true, which
   * costs an additional row.
   */
  isReadBy(expression: string): boolean {
    if (this.names.size === 0) return false;
    if (expression.includes("__name__")) return true;
    for (const name of this.names) if (expression.includes(name)) return true;
    return false;
  }

  /** Writes the row, a large one in slices. */
  async flush(slices: TimeSlices): Promise<void> {
    if (this.pending.size === 0) return;
    const { pending, writer, table } = this;
    this.pending = new Map();
    this.names.clear();
    const release = writer.holdLayouts();
    try {
      const { series, values } = await columnsOf(pending.values(), slices);
      const layout = await writer.internLayoutInSlices(series, slices);
      if (series.length >= LARGE_ROW) await table.prepare(layout, slices);
      table.append(this.timeMs, layout, values);
    } finally {
      release();
    }
  }

  private put(labels: Labels, value: number | undefined): void {
    this.pending.set(labels.key, { labels, value });
    this.names.add(labels.name);
  }
}

async function columnsOf(
  entries: Iterable<PendingSample>,
  slices: TimeSlices,
): Promise<{ series: readonly Labels[]; values: Float64Array }> {
  const series: Labels[] = [];
  const numbers: number[] = [];
  const ended: number[] = [];
  for (const { labels, value } of entries) {
    if (value === undefined) ended.push(series.length);
    series.push(labels);
    numbers.push(value ?? 0);
    if (slices.areDue) await slices.pause();
  }
  const values = Float64Array.from(numbers);
  const bits = bitsOf(values);
  for (const column of ended) setStaleAt(bits, column);
  return { series, values };
}
