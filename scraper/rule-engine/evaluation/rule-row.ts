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

  constructor(
    private readonly writer: SampleWriter,
    private readonly table: TableWriter,
    private readonly timeMs: number,
  ) {}

  /** @returns number of samples dropped because an earlier rule of the row has the same series */
  add(samples: readonly RuleSample[], ended: Iterable<Labels>): number {
    let duplicates = 0;
    for (const { labels, value } of samples) {
      if (this.pending.get(labels.key)?.value !== undefined) duplicates++;
      else this.pending.set(labels.key, { labels, value });
    }
    for (const labels of ended) {
      if (!this.pending.has(labels.key)) this.pending.set(labels.key, { labels, value: undefined });
    }
    return duplicates;
  }

  /**
   * True when `flush` has to run before the rule is evaluated. In doubt it returns true, which
   * costs an additional row.
   */
  isReadBy(expression: string): boolean {
    if (this.pending.size === 0) return false;
    if (expression.includes("__name__")) return true;
    const names = new Set([...this.pending.values()].map(({ labels }) => labels.name));
    return [...names].some((name) => expression.includes(name));
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
  }
}
