import { itemAt } from "../../../exporter/shared/model/get-or-throw.js";
import { Labels, METRIC_NAME, compareStrings } from "../../../exporter/shared/model/labels.js";
import { createLabelMatcher, type LabelMatcher } from "../../storage/model/label-matcher.js";
import { keyOf, pairsWith } from "../evaluation/label-keys.js";
import type { Call, Expression, TimeModifiers, VectorSelector } from "../language/ast.js";
import type { Evaluation } from "../evaluation/evaluation.js";
import { printTimeModifiers } from "../language/print-expression.js";
import { QueryExecutionError } from "../language/query-errors.js";
import { selectInstants } from "../evaluation/selectors.js";
import type { TimeGrid } from "../evaluation/time-grid.js";
import { BlockBuilder, mergeSameLabels, type VectorBlock } from "../evaluation/vector-block.js";

/** The labels that all series of one target share. */
const IDENTIFYING_LABELS = ["instance", "job"];
const DEFAULT_INFO_METRIC = "target_info";

/**
 * `info(v, {…})`: adds the labels of the info series of its target to each series. In the braces,
 * matchers for `__name__` select the info metrics, and the other matchers select the labels to add.
 * A series without a selected label is left out unless the matcher of the label matches the empty
 * value.
 */
export async function callInfo(
  call: Call,
  grid: TimeGrid,
  evaluation: Evaluation,
): Promise<VectorBlock> {
  const source = itemAt(call.arguments, 0);
  const braces = call.arguments[1];
  const base = await evaluation.vector(source, grid);
  const matchers = braces?.kind === "vector_selector" ? braces.matchers : [];
  const nameMatchers = matchers.filter(({ name }) => name === METRIC_NAME);
  const dataMatchers = matchers.filter(({ name }) => name !== METRIC_NAME);
  const names = infoNameMatchers(nameMatchers);
  const selector: VectorSelector = {
    kind: "vector_selector",
    name: "",
    matchers: [...names, ...dataMatchers],
    range: call.range,
    ...commonTimes(source),
  };
  const info = await selectInstants(selector, grid, evaluation);
  return addInfoLabels(base, info, names, dataMatchers, evaluation);
}

/**
 * Matchers that only exclude names apply to the info metrics, whose names by convention end in
 * `_info`.
 */
function infoNameMatchers(matchers: readonly LabelMatcher[]): readonly LabelMatcher[] {
  if (matchers.length === 0) return [createLabelMatcher(METRIC_NAME, "=", DEFAULT_INFO_METRIC)];
  if (matchers.some(({ operator }) => operator === "=" || operator === "=~")) return matchers;
  return [createLabelMatcher(METRIC_NAME, "=~", ".+_info"), ...matchers];
}

/**
 * The `@` and `offset` that all selectors of the source have in common; the info series are
 * selected with them.
 */
function commonTimes(source: Expression): TimeModifiers {
  const found = timesOfSelectors(source);
  const [first] = found;
  const isSame = (each: TimeModifiers | undefined): boolean =>
    each !== undefined &&
    first !== undefined &&
    printTimeModifiers(each) === printTimeModifiers(first);
  return first !== undefined && found.every(isSame) ? first : {};
}

/**
 * The modifiers of every selector; undefined for a branch without a selector, or for a subquery.
 */
function timesOfSelectors(expression: Expression): (TimeModifiers | undefined)[] {
  switch (expression.kind) {
    case "number":
    case "string":
      return [];
    case "vector_selector":
      return [pick(expression)];
    case "matrix_selector":
      return [pick(expression.selector)];
    case "subquery":
      return [undefined];
    case "call": {
      const inner = expression.arguments.flatMap(timesOfSelectors);
      return inner.length > 0 ? inner : [undefined];
    }
    case "aggregation":
      return timesOfSelectors(expression.expression);
    case "parenthesized":
      return timesOfSelectors(expression.expression);
    case "unary":
      return timesOfSelectors(expression.operand);
    case "binary":
      return [...timesOfSelectors(expression.left), ...timesOfSelectors(expression.right)];
  }
}

function pick({ at, offset }: TimeModifiers): TimeModifiers {
  return { ...(at === undefined ? {} : { at }), ...(offset === undefined ? {} : { offset }) };
}

async function addInfoLabels(
  base: VectorBlock,
  info: VectorBlock,
  nameMatchers: readonly LabelMatcher[],
  dataMatchers: readonly LabelMatcher[],
  { pacer }: Evaluation,
): Promise<VectorBlock> {
  const identify = pairsWith([...IDENTIFYING_LABELS].sort(compareStrings));
  const infoRows = new Map<string, InfoRow[]>();
  for (const [row, labels] of info.labels.entries()) {
    const key = keyOf(identify(labels.pairs));
    infoRows.set(key, [...(infoRows.get(key) ?? []), { row, labels }]);
  }
  const wanted = new Set(dataMatchers.map(({ name }) => name));
  const isOptional = dataMatchers.every((matcher) => matcher.matches(""));
  const parts: VectorBlock[] = [];
  for (const [row, labels] of base.labels.entries()) {
    const isInfoItself = nameMatchers.every((matcher) => matcher.matches(labels.name));
    const partners = isInfoItself ? [] : (infoRows.get(keyOf(identify(labels.pairs))) ?? []);
    const keepsUnmatched = isOptional || isInfoItself;
    parts.push(enrichRow({ base, row, labels, info, partners, wanted, keepsUnmatched }));
    if (pacer.isDue(base.steps * (partners.length + 1))) await pacer.pause();
  }
  return mergeSameLabels(joinParts(base.steps, parts), pacer);
}

interface InfoRow {
  readonly row: number;
  readonly labels: Labels;
}

interface Enrichment {
  readonly base: VectorBlock;
  readonly row: number;
  /** The labels of the row. */
  readonly labels: Labels;
  readonly info: VectorBlock;
  /** The info series of the same target. */
  readonly partners: readonly InfoRow[];
  /** The names of the labels to add; empty for all. */
  readonly wanted: ReadonlySet<string>;
  readonly keepsUnmatched: boolean;
}

/** One row for each set of labels that the info series add at some step. */
function enrichRow(enrichment: Enrichment): VectorBlock {
  const { base, row, labels: baseLabels, keepsUnmatched } = enrichment;
  const { steps } = base;
  const rows = new Map<string, { labels: Labels; steps: number[] }>();
  for (let step = 0; step < steps; step++) {
    if (base.present[row * steps + step] === 0) continue;
    const added = addedLabels(enrichment, step);
    if (added === undefined && !keepsUnmatched) continue;
    const labels = Labels.of([...(added ?? []), ...baseLabels.pairs]);
    const entry = rows.get(labels.key) ?? { labels, steps: [] };
    entry.steps.push(step);
    rows.set(labels.key, entry);
  }
  const builder = new BlockBuilder(steps, rows.size);
  for (const entry of rows.values()) {
    for (const step of entry.steps) {
      builder.values[builder.offset + step] = base.values[row * steps + step] as number;
      builder.present[builder.offset + step] = 1;
    }
    builder.finishRow(entry.labels);
  }
  return builder.build();
}

/**
 * The labels to add that the series does not have itself; undefined when the target has no info
 * series at the step.
 */
function addedLabels(
  { labels: baseLabels, info, partners, wanted }: Enrichment,
  step: number,
): Map<string, string> | undefined {
  let added: Map<string, string> | undefined;
  for (const { row, labels } of partners) {
    if (info.present[row * info.steps + step] === 0) continue;
    added ??= new Map();
    for (const [name, value] of labels.pairs) {
      if (name === METRIC_NAME || baseLabels.has(name) || (wanted.size > 0 && !wanted.has(name)))
        continue;
      const other = added.get(name);
      if (other !== undefined && other !== value)
        throw new QueryExecutionError(`conflicting label: ${name}`);
      added.set(name, value);
    }
  }
  return added;
}

function joinParts(steps: number, parts: readonly VectorBlock[]): VectorBlock {
  const builder = new BlockBuilder(
    steps,
    parts.reduce((rows, { labels }) => rows + labels.length, 0),
  );
  for (const part of parts) {
    for (const [row, labels] of part.labels.entries()) {
      builder.values.set(part.values.subarray(row * steps, (row + 1) * steps), builder.offset);
      builder.present.set(part.present.subarray(row * steps, (row + 1) * steps), builder.offset);
      builder.finishRow(labels);
    }
  }
  return builder.build();
}
