import { BadInputError, messageOf } from "../../../exporter/shared/model/errors.js";
import { isLabelName, METRIC_NAME, type Labels } from "../../../exporter/shared/model/labels.js";
import { RegexTemplate } from "../../base/regex-template.js";
import { RegularExpression } from "../../base/regular-expression.js";
import { stringValueOf, type Call } from "../language/ast.js";
import type { Pacer } from "../evaluation/pacer.js";
import { QueryExecutionError } from "../language/query-errors.js";
import { mergeSameLabels, type VectorBlock } from "../evaluation/vector-block.js";

/** `label_replace(v, destination, replacement, source, regex)`. */
export async function labelReplace(
  call: Call,
  block: VectorBlock,
  pacer: Pacer,
): Promise<VectorBlock> {
  const [destination = "", replacement = "", source = "", pattern = ""] = textArguments(call);
  const regex = compile(pattern);
  const template = new RegexTemplate(replacement);
  if (!isLabelName(destination)) {
    throw new QueryExecutionError(
      `invalid destination label name in label_replace(): ${destination.toWellFormed()}`,
    );
  }
  return changeLabels(block, destination, pacer, (labels) => {
    const match = regex.matchWhole(labels.get(source));
    return match === undefined ? undefined : template.expand(match);
  });
}

/** `label_join(v, destination, separator, source…)`. */
export async function labelJoin(
  call: Call,
  block: VectorBlock,
  pacer: Pacer,
): Promise<VectorBlock> {
  const [destination = "", separator = "", ...sources] = textArguments(call);
  const wrongSource = sources.find((source) => !isLabelName(source));
  if (wrongSource !== undefined)
    throw new QueryExecutionError(
      `invalid source label name in label_join(): ${wrongSource.toWellFormed()}`,
    );
  if (!isLabelName(destination)) {
    throw new QueryExecutionError(
      `invalid destination label name in label_join(): ${destination.toWellFormed()}`,
    );
  }
  return changeLabels(block, destination, pacer, (labels) =>
    sources.map((source) => labels.get(source)).join(separator),
  );
}

/**
 * The work of computing one label, perhaps with a regular expression, as a number of values for the
 * pacer.
 */
const WORK_PER_ROW = 256;

async function changeLabels(
  block: VectorBlock,
  destination: string,
  pacer: Pacer,
  valueOf: (labels: Labels) => string | undefined,
): Promise<VectorBlock> {
  const nameDropped = block.nameDropped?.slice();
  const labels: Labels[] = [];
  for (const [row, each] of block.labels.entries()) {
    const value = valueOf(each);
    labels.push(value === undefined ? each : each.with({ [destination]: value }));
    // A metric name that the call sets is not removed at the end of the query.
    if (value !== undefined && destination === METRIC_NAME && nameDropped !== undefined)
      nameDropped[row] = 0;
    if (pacer.isDue(WORK_PER_ROW)) await pacer.pause();
  }
  return mergeSameLabels({ ...block, labels, nameDropped }, pacer);
}

/** All arguments after the vector. */
const textArguments = ({ arguments: given }: Call): string[] => given.slice(1).map(stringValueOf);

function compile(pattern: string): RegularExpression {
  try {
    if (!pattern.isWellFormed()) throw new BadInputError("invalid UTF-8");
    return RegularExpression.compileDotAll(pattern);
  } catch (error) {
    throw new QueryExecutionError(
      `invalid regular expression in label_replace(): ${pattern.toWellFormed()}`,
      {
        cause: new Error(messageOf(error)),
      },
    );
  }
}
