import { parseDurationMs } from "../../exporter/shared/model/duration.js";

/** A command of a PromQL test script with the indented lines below it. */
export interface ScriptCommand {
  readonly line: number;
  readonly text: string;
  readonly body: readonly string[];
}

/** An expression to evaluate, and its expected result. */
export interface ScriptCase {
  readonly line: number;
  readonly expression: string;
  readonly fromMs: number;
  readonly toMs: number;
  /** Undefined for an instant query. */
  readonly stepMs: number | undefined;
  readonly expectations: readonly Expectation[];
  /** The lines of the expected series, or of one scalar. */
  readonly results: readonly string[];
}

export interface Expectation {
  readonly kind: string;
  readonly message?: string;
  readonly pattern?: RegExp;
  readonly text?: string;
}

const COMMAND = /^(?:clear$|load(?:_with_nhcb)?\s|eval(?:_\w+)?\s+(?:instant|range)\s)/;

/**
 * Splits a script into commands. The body of a command is indented; after a blank line, a command
 * may be too.
 */
export function splitScript(script: string): ScriptCommand[] {
  const commands: { line: number; text: string; body: string[] }[] = [];
  let isAfterBlank = true;
  for (const [index, raw] of script.split("\n").entries()) {
    const text = raw.trim();
    const isBlank = text === "" || text.startsWith("#");
    const isBody = /^\s/.test(raw) && !(isAfterBlank && COMMAND.test(text));
    isAfterBlank = isBlank;
    if (isBlank) continue;
    if (isBody) commands.at(-1)?.body.push(text);
    else commands.push({ line: index + 1, text, body: [] });
  }
  return commands;
}

const INSTANT = /^eval(_\w+)? instant at (\S+)\s+(.*)$/;
const RANGE = /^eval(_\w+)? range from (\S+) to (\S+) step (\S+)\s+(.*)$/;
/** Older scripts state an expectation as a suffix of the command: `eval_fail`. */
const KINDS_BY_SUFFIX: Readonly<Record<string, string>> = {
  _fail: "fail",
  _warn: "warn",
  _info: "info",
  _ordered: "ordered",
};

export function parseCase({ line, text, body }: ScriptCommand): ScriptCase {
  const { suffix, ...evaluation } = parseEvaluation(text);
  const expectations: Expectation[] =
    suffix === undefined ? [] : [{ kind: KINDS_BY_SUFFIX[suffix] ?? suffix }];
  const results: string[] = [];
  for (const each of body) {
    const expectation = parseExpectation(each);
    if (expectation === undefined) results.push(each);
    else expectations.push(expectation);
  }
  return { line, ...evaluation, expectations, results };
}

type EvalCommand = Pick<ScriptCase, "expression" | "fromMs" | "toMs" | "stepMs"> & {
  readonly suffix: string | undefined;
};

function parseEvaluation(text: string): EvalCommand {
  const instant = INSTANT.exec(text);
  if (instant !== null) {
    const [, suffix, time = "", expression = ""] = instant;
    const timeMs = scriptTimeMs(time);
    return { suffix, expression, fromMs: timeMs, toMs: timeMs, stepMs: undefined };
  }
  const range = RANGE.exec(text);
  if (range === null)
    throw new Error(`Cannot read command "${text}": it must be load, clear or eval`);
  const [, suffix, from = "", to = "", step = "", expression = ""] = range;
  const [fromMs, toMs, stepMs] = [scriptTimeMs(from), scriptTimeMs(to), scriptTimeMs(step)];
  return { suffix, expression, fromMs, toMs, stepMs };
}

function parseExpectation(text: string): Expectation | undefined {
  const olderMessage = /^expected_fail_(message|regexp)\s+(.*)$/.exec(text);
  if (olderMessage !== null) {
    const [, form, value = ""] = olderMessage;
    return form === "message"
      ? { kind: "fail", message: value }
      : { kind: "fail", pattern: new RegExp(value) };
  }
  const match = /^expect\s+(\w+)\s*(?:(msg|regex):\s*(.*)|(.*))$/.exec(text);
  if (match === null) return undefined;
  const [, kind = "", form, value = "", plain = ""] = match;
  if (form === "msg") return { kind, message: value };
  if (form === "regex") return { kind, pattern: new RegExp(value) };
  return { kind, text: plain };
}

/** Parses a duration, or a number of seconds. */
export function scriptTimeMs(text: string): number {
  return /^[\d.]+$/.test(text) ? Number(text) * 1000 : parseDurationMs(text);
}
