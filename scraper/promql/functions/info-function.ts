import { itemAt } from "../../../exporter/shared/model/get-or-throw.js";
import { Labels, METRIC_NAME, compareStrings } from "../../../exporter/shared/model/labels.js";
import { createLabelMatcher, type LabelMatcher } from "../../storage/model/label-matcher.js";
import { WORK_PER_KEY, keyOf, pairsWith } from "../evaluation/label-keys.js";
import type { Pacer } from "../evaluation/pacer.js";
import type { Call, Expression, TimeModifiers, VectorSelector } from "../language/ast.js";
import type { Evaluation } from "../evaluation/evaluation.js";
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
 * value. Of several info series of one metric and target, the one with the newest sample counts.
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
    ...timesOfFirstSelector(source),
  };
  const info = await selectInstants(selector, grid, evaluation);
  // Braces without a name select labels of target_info, but no series counts as an info series then.
  const isNamed = braces === undefined || nameMatchers.length > 0;
  const isInfo = (labels: Labels): boolean =>
    isNamed && names.every((matcher) => matcher.matches(labels.name));
  const readTimes = (): Promise<VectorBlock> =>
    selectInstants(selector, grid, evaluation, "timestamp");
  const partners = await findPartners({ base, info, isInfo }, readTimes, evaluation.pacer);
  return addInfoLabels({ base, isInfo, info, partners, dataMatchers }, evaluation);
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

/** The info series are selected with the `@` and `offset` of the first selector of the source. */
function timesOfFirstSelector(source: Expression): TimeModifiers {
  const { at, offset } = firstSelector(source) ?? {};
  return { ...(at === undefined ? {} : { at }), ...(offset === undefined ? {} : { offset }) };
}

/** An aggregation has its parameter after its operand, as in the syntax tree of Prometheus. */
function firstSelector(expression: Expression): VectorSelector | undefined {
  switch (expression.kind) {
    case "number":
    case "string":
      return undefined;
    case "vector_selector":
      return expression;
    case "matrix_selector":
      return expression.selector;
    case "subquery":
    case "parenthesized":
      return firstSelector(expression.expression);
    case "call":
      return firstOf(expression.arguments);
    case "aggregation":
      return firstOf([
        expression.expression,
        ...(expression.parameter === undefined ? [] : [expression.parameter]),
      ]);
    case "unary":
      return firstSelector(expression.operand);
    case "binary":
      return firstOf([expression.left, expression.right]);
  }
}

function firstOf(expressions: readonly Expression[]): VectorSelector | undefined {
  for (const each of expressions) {
    const found = firstSelector(each);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The rows of one info metric with the same identifying labels. */
interface InfoSource {
  readonly rows: readonly InfoRow[];
  /** Times of the samples; undefined when there is only one row. */
  readonly times?: VectorBlock;
}

interface InfoRow {
  readonly row: number;
  readonly labels: Labels;
}

/** The info sources of a row of the base vector. */
type Partners = (labels: Labels) => readonly InfoSource[];

/** @param readTimes called when there are several info series of one metric and target */
async function findPartners(
  {
    base,
    info,
    isInfo,
  }: {
    readonly base: VectorBlock;
    readonly info: VectorBlock;
    readonly isInfo: (labels: Labels) => boolean;
  },
  readTimes: () => Promise<VectorBlock>,
  pacer: Pacer,
): Promise<Partners> {
  const isPartner = identifiedBy(base.labels.filter((labels) => !isInfo(labels)));
  const rowsByKey = new Map<string, Map<string, InfoRow[]>>();
  let hasRivals = false;
  for (const [row, labels] of info.labels.entries()) {
    if (pacer.isDue(WORK_PER_KEY)) await pacer.pause();
    if (!isPartner(labels)) continue;
    const key = keyOf(identify(labels.pairs));
    const byName = rowsByKey.get(key) ?? new Map<string, InfoRow[]>();
    rowsByKey.set(key, byName);
    const rows = byName.get(labels.name);
    if (rows === undefined) byName.set(labels.name, [{ row, labels }]);
    else hasRivals = rows.push({ row, labels }) > 1;
  }
  const times = hasRivals ? await readTimes() : undefined;
  const sources = new Map<string, readonly InfoSource[]>();
  for (const [key, byName] of rowsByKey) {
    const all = [...byName.values()];
    sources.set(
      key,
      all.map((rows) => (rows.length === 1 || times === undefined ? { rows } : { rows, times })),
    );
  }
  return (labels) =>
    isInfo(labels) ? [] : (sources.get(keyOf(identify(labels.pairs))) ?? NO_SOURCES);
}

const NO_SOURCES: readonly InfoSource[] = [];
const identify = pairsWith([...IDENTIFYING_LABELS].sort(compareStrings));

/**
 * An info series must have each identifying label that some base series has. Without any
 * identifying label in the base, nothing is an info series of it.
 */
function identifiedBy(base: readonly Labels[]): (info: Labels) => boolean {
  const present = IDENTIFYING_LABELS.filter((name) => base.some((labels) => labels.has(name)));
  return (info) => present.length > 0 && present.every((name) => info.has(name));
}

async function addInfoLabels(
  {
    base,
    isInfo,
    info,
    partners: partnersOf,
    dataMatchers,
  }: {
    readonly base: VectorBlock;
    readonly isInfo: (labels: Labels) => boolean;
    readonly info: VectorBlock;
    readonly partners: Partners;
    readonly dataMatchers: readonly LabelMatcher[];
  },
  { pacer, budget }: Evaluation,
): Promise<VectorBlock> {
  const wanted = new Set(dataMatchers.map(({ name }) => name));
  const isOptional = dataMatchers.every((matcher) => matcher.matches(""));
  const parts: VectorBlock[] = [];
  for (const [row, labels] of base.labels.entries()) {
    const partners = partnersOf(labels);
    const keepsUnmatched = isOptional || isInfo(labels);
    const enrichment = { base, row, labels, info, partners, wanted, keepsUnmatched };
    const part = await enrichRow(enrichment, pacer);
    budget.take(part.values.length);
    parts.push(part);
  }
  return mergeSameLabels(await joinParts(base.steps, parts, pacer), pacer);
}

interface Enrichment {
  readonly base: VectorBlock;
  readonly row: number;
  /** The labels of the row. */
  readonly labels: Labels;
  readonly info: VectorBlock;
  /** The info series of the same target. */
  readonly partners: readonly InfoSource[];
  /** The names of the labels to add; empty for all. */
  readonly wanted: ReadonlySet<string>;
  readonly keepsUnmatched: boolean;
}

/** One row for each set of labels that the info series add at some step. */
async function enrichRow(enrichment: Enrichment, pacer: Pacer): Promise<VectorBlock> {
  const { base, row, labels: baseLabels, keepsUnmatched, partners } = enrichment;
  const workPerStep =
    WORK_PER_KEY + partners.reduce((work, { rows }) => work + rows.length * WORK_PER_KEY, 0);
  const { steps } = base;
  const rows = new Map<string, { labels: Labels; steps: number[] }>();
  for (let step = 0; step < steps; step++) {
    if (base.present[row * steps + step] === 0) continue;
    if (pacer.isDue(workPerStep)) await pacer.pause();
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
    builder.finishRow(entry.labels, base.nameDropped?.[row] ?? 0);
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
  for (const partner of partners) {
    const labels = labelsAt(partner, info, step);
    if (labels === undefined) continue;
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

/**
 * @returns the labels of the row with the newest sample; undefined when no row has one at the step
 * @throws {QueryExecutionError} when two samples are equally new
 */
function labelsAt(
  { rows, times }: InfoSource,
  info: VectorBlock,
  step: number,
): Labels | undefined {
  let newest: Labels | undefined;
  let newestTime = Number.NEGATIVE_INFINITY;
  for (const { row, labels } of rows) {
    const index = row * info.steps + step;
    if (info.present[index] === 0) continue;
    const time = times?.values[index] ?? 0;
    if (newest !== undefined && time === newestTime) {
      const pair = `existing ${newest.toString()} @ ${time * 1000}, new ${labels.toString()} @ ${time * 1000}`;
      throw new QueryExecutionError(`found duplicate series for info metric: ${pair}`);
    }
    if (time <= newestTime) continue;
    [newest, newestTime] = [labels, time];
  }
  return newest;
}

async function joinParts(
  steps: number,
  parts: readonly VectorBlock[],
  pacer: Pacer,
): Promise<VectorBlock> {
  const builder = new BlockBuilder(
    steps,
    parts.reduce((rows, { labels }) => rows + labels.length, 0),
  );
  for (const part of parts) {
    for (const [row, labels] of part.labels.entries()) {
      builder.values.set(part.values.subarray(row * steps, (row + 1) * steps), builder.offset);
      builder.present.set(part.present.subarray(row * steps, (row + 1) * steps), builder.offset);
      builder.finishRow(labels, part.nameDropped?.[row] ?? 0);
      if (pacer.isDue(steps + WORK_PER_KEY)) await pacer.pause();
    }
  }
  return builder.build();
}
