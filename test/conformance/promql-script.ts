import { parseDurationMs } from "../../exporter/shared/model/duration.js";

/** A command of a PromQL test script with the indented lines below it. */
export interface ScriptCommand {
  readonly line: number;
  readonly text: string;
  readonly body: readonly string[];
}

/** One expression to evaluate, with what is expected of it. */
export interface ScriptCase {
  readonly line: number;
  readonly expression: string;
  readonly fromMs: number;
  readonly toMs: number;
  /** Undefined for an evaluation at one instant. */
  readonly stepMs: number | undefined;
  readonly expectations: readonly Expectation[];
  /** Lines of expected series, or of one scalar. */
  readonly results: readonly string[];
}

export interface Expectation {
  readonly kind: string;
  readonly message?: string;
  readonly pattern?: RegExp;
  readonly text?: string;
}

const COMMAND = /^(?:clear$|load(?:_with_nhcb)?\s|eval(?:_\w+)?\s+(?:instant|range)\s)/;

/** Cuts a script into commands. What belongs to one is indented below it; a command itself may be, after a blank line. */
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
const OLDER_KINDS: Readonly<Record<string, string>> = {
  _fail: "fail",
  _warn: "warn",
  _info: "info",
  _ordered: "ordered",
};

export function parseCase({ line, text, body }: ScriptCommand): ScriptCase {
  const instant = INSTANT.exec(text);
  const range = RANGE.exec(text);
  const older = (instant ?? range)?.[1];
  const expectations: Expectation[] =
    older === undefined ? [] : [{ kind: OLDER_KINDS[older] ?? older }];
  const results: string[] = [];
  for (const each of body) {
    const expectation = parseExpectation(each);
    if (expectation === undefined) results.push(each);
    else expectations.push(expectation);
  }
  const rest = { line, expectations, results };
  if (instant !== null) {
    const timeMs = scriptTimeMs(instant[2] as string);
    return {
      ...rest,
      expression: instant[3] as string,
      fromMs: timeMs,
      toMs: timeMs,
      stepMs: undefined,
    };
  }
  if (range === null)
    throw new Error(`Cannot read command "${text}": it must be load, clear or eval`);
  const [fromMs, toMs, stepMs] = [range[2], range[3], range[4]].map((time) =>
    scriptTimeMs(time as string),
  );
  return { ...rest, expression: range[5] as string, fromMs: fromMs ?? 0, toMs: toMs ?? 0, stepMs };
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

/** Durations, or bare numbers of seconds. */
export function scriptTimeMs(text: string): number {
  return /^[\d.]+$/.test(text) ? Number(text) * 1000 : parseDurationMs(text);
}
