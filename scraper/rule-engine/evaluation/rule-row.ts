import type { Labels } from "../../../exporter/shared/model/labels.js";
import { bitsOf, setStaleAt } from "../../../exporter/shared/model/special-values.js";
import type { SampleWriter, TableWriter } from "../../storage/model/sample-writer.js";
import type { RuleSample } from "./alerting-rule-state.js";

/** Folder with the results of rules, beside the folders of the hosts. */
export const RULES_FOLDER = "rules";

/**
 * Collects the results of the rules of a group at one time, which are written as one row.
 *
 * If a rule reads the result of an earlier rule of its group, `flush` has to run before it, and the
 * remaining results form another row.
 */
export class RuleRow {
  /** Undefined values stand for staleness markers. */
  private pending = new Map<string, { labels: Labels; value: number | undefined }>();
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

  flush(): void {
    if (this.pending.size === 0) return;
    const entries = [...this.pending.values()];
    const values = Float64Array.from(entries, ({ value }) => value ?? 0);
    const bits = bitsOf(values);
    entries.forEach(({ value }, index) => {
      if (value === undefined) setStaleAt(bits, index);
    });
    this.table.append(
      this.timeMs,
      this.writer.internLayout(entries.map(({ labels }) => labels)),
      values,
    );
    this.pending = new Map();
    this.names.clear();
  }

  private put(labels: Labels, value: number | undefined): void {
    this.pending.set(labels.key, { labels, value });
    this.names.add(labels.name);
  }
}
