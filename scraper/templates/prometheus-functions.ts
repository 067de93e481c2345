import { parseDurationMs } from "../../exporter/shared/model/duration.js";
import { compareStrings } from "../../exporter/shared/model/labels.js";
import { messageOf } from "../../exporter/shared/model/errors.js";
import { GoDuration } from "./go-time.js";
import {
  humanize,
  humanize1024,
  humanizeDuration,
  humanizePercentage,
  humanizeTimestamp,
  toFloat,
  toTime,
} from "./humanize.js";
import { FunctionError } from "./template-error.js";
import { escapeQuery } from "./text-escaping.js";
import { stripDomain, stripPort, TEXT_FUNCTIONS, titleWords } from "./text-functions.js";
import {
  contextFunction,
  InterfaceMap,
  SafeHtml,
  templateFunction,
  variadicFunction,
  type FunctionTable,
  type TemplateFunction,
} from "./template-values.js";

export interface PrometheusSurroundings {
  /** The URL of this system for users, with its path and without a slash at the end. */
  readonly externalUrl: string;
}

/** A sample in the result of `query`. */
export interface TemplateSample {
  readonly Labels: ReadonlyMap<string, string>;
  readonly Value: number;
}

/**
 * The functions of Prometheus' templates. `query` and `now` depend on the evaluation: pass them to
 * `render`, or use `renderWithQueries`.
 */
export function createPrometheusFunctions({ externalUrl }: PrometheusSurroundings): FunctionTable {
  return {
    ...TEXT_FUNCTIONS,
    title: templateFunction(["string"], titleWords),
    stripPort: templateFunction(["string"], stripPort),
    stripDomain: templateFunction(["string"], stripDomain),
    humanize: templateFunction(["any"], humanize),
    humanize1024: templateFunction(["any"], humanize1024),
    humanizeDuration: templateFunction(["any"], humanizeDuration),
    humanizePercentage: templateFunction(["any"], humanizePercentage),
    humanizeTimestamp: templateFunction(["any"], humanizeTimestamp),
    toTime: templateFunction(["any"], toTime),
    toDuration: templateFunction(["any"], (seconds) => new GoDuration(toFloat(seconds) * 1000)),
    parseDuration: templateFunction(["string"], parseSeconds),
    urlQueryEscape: templateFunction(["string"], escapeQuery),
    args: variadicFunction(
      [],
      "any",
      (...values) => new InterfaceMap(values.map((value, index) => [`arg${index}`, value])),
    ),
    tmpl: contextFunction(
      ["string", "any"],
      (context, name, data) => new SafeHtml(context.renderTemplate(name, data)),
    ),
    first: templateFunction(["list"], first),
    value: templateFunction(["any"], (sample) => sampleOf(sample).Value),
    label: templateFunction(
      ["string", "any"],
      (name, sample) => sampleOf(sample).Labels.get(name) ?? "",
    ),
    strvalue: templateFunction(["any"], (sample) => sampleOf(sample).Labels.get("__value__") ?? ""),
    sortByLabel: templateFunction(["string", "list"], sortByLabel),
    graphLink: templateFunction(["string"], (expression) => expressionLink(expression, 0)),
    tableLink: templateFunction(["string"], (expression) => expressionLink(expression, 1)),
    externalURL: templateFunction([], () => externalUrl),
    pathPrefix: templateFunction([], () => pathOf(externalUrl)),
    query: unavailable("query"),
    now: unavailable("now"),
  };
}

/** The function `now`, which returns the evaluation time. */
export const nowFunction = (timeMs: number): TemplateFunction =>
  templateFunction([], () => timeMs / 1000);

function unavailable(name: string): TemplateFunction {
  return variadicFunction([], "any", () => {
    throw new FunctionError(`${name} is not available here`);
  });
}

function parseSeconds(text: string): number {
  try {
    return parseDurationMs(text) / 1000;
  } catch (error) {
    throw new FunctionError(messageOf(error));
  }
}

function first(samples: readonly unknown[]): unknown {
  if (samples.length === 0) throw new FunctionError("first() called on vector with no elements");
  return samples[0];
}

function sampleOf(value: unknown): TemplateSample {
  if (isSample(value)) return value;
  throw new FunctionError("wrong type for value; expected *template.sample", true);
}

const isSample = (value: unknown): value is TemplateSample =>
  typeof value === "object" && value !== null && "Labels" in value && "Value" in value;

function sortByLabel(name: string, samples: readonly unknown[]): unknown {
  const labelOf = (sample: unknown): string => sampleOf(sample).Labels.get(name) ?? "";
  return [...samples].sort((left, right) => compareStrings(labelOf(left), labelOf(right)));
}

/** The path of Prometheus' page for an expression; tab 0 is the graph, tab 1 the table. */
export function expressionLink(expression: string, tab: 0 | 1): string {
  return `/graph?g0.expr=${escapeQuery(expression)}&g0.tab=${tab}`;
}

function pathOf(url: string): string {
  try {
    return new URL(url).pathname.replace(/\/$/, "");
  } catch {
    return ""; // Without a valid URL there is no path prefix.
  }
}
