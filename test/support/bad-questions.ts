import assert from "node:assert/strict";
import { JsonFields } from "../../exporter/shared/codec/json-fields.js";

/** Invalid, absurd or far too large queries, with the expected response. */
export interface BadQuestion {
  readonly name: string;
  readonly form: Readonly<Record<string, string>>;
  readonly path?: string;
  readonly status: number;
  /** Start of the message. */
  readonly message?: string;
}

const CENTURY_SECONDS = 100 * 365 * 86_400;
const BAD = 'invalid parameter "query": ';

export const BAD_QUESTIONS: readonly BadQuestion[] = [
  {
    name: "an expression of 1 MB",
    form: { query: `up{a="${"x".repeat(1_000_000)}"}` },
    status: 400,
    message: BAD,
  },
  {
    name: "1 MB of operators",
    form: { query: `up${"+up".repeat(350_000)}` },
    status: 400,
    message: BAD,
  },
  {
    name: "10,000 nested parentheses",
    form: { query: `${"(".repeat(10_000)}up${")".repeat(10_000)}` },
    status: 400,
    message: BAD,
  },
  {
    name: "10,000 open parentheses",
    form: { query: "(".repeat(10_000) },
    status: 400,
    message: BAD,
  },
  {
    name: "10,000 minus signs",
    form: { query: `${"-".repeat(10_000)}up` },
    status: 400,
    message: BAD,
  },
  {
    name: "10,000 nested functions",
    form: { query: `${"abs(".repeat(10_000)}up${")".repeat(10_000)}` },
    status: 400,
    message: BAD,
  },
  {
    name: "10,000 operators in a row",
    form: { query: `up${" + up".repeat(10_000)}` },
    status: 400,
    message: BAD,
  },
  {
    name: "a regex that explodes by backtracking",
    form: { query: 'up{text=~"(a+)+b"}' },
    status: 200,
  },
  { name: "another one", form: { query: 'up{text=~"(a|aa)*(a|aa)*c"}' }, status: 200 },
  {
    name: "one in label_replace",
    form: { query: 'label_replace(up, "x", "$1", "text", "(a*)*b")' },
    status: 200,
  },
  {
    name: "a regex of huge repetitions",
    form: { query: 'up{text=~"((a{1000}){1000}){1000}"}' },
    status: 400,
    message: BAD,
  },
  {
    name: "a range of a hundred years at 1 ms",
    path: "query_range",
    form: { query: "up", start: "0", end: String(CENTURY_SECONDS), step: "0.001" },
    status: 400,
    message: "exceeded maximum resolution",
  },
  {
    name: "a subquery of a hundred years at 1 ms",
    form: { query: "max_over_time(up[100y:1ms])" },
    status: 422,
  },
  {
    name: "subqueries of subqueries",
    form: { query: "sum_over_time(sum_over_time(sum_over_time(up[1y:1s])[1y:1s])[1y:1s])" },
    status: 422,
  },
  {
    name: "an unknown function",
    form: { query: "frobnicate(up)" },
    status: 400,
    message: `${BAD}1:1: parse error: unknown function with name "frobnicate"`,
  },
  {
    name: "a wrong type",
    form: { query: "rate(up)" },
    status: 400,
    message: `${BAD}1:6: parse error: expected type range vector`,
  },
  {
    name: "a string at every step",
    path: "query_range",
    form: { query: '"a"', start: "0", end: "1", step: "1" },
    status: 400,
    message: BAD,
  },
  {
    name: "a time that is none",
    form: { query: "up", time: "yesterday" },
    status: 400,
    message: 'invalid parameter "time"',
  },
  {
    name: "a time beyond all time",
    form: { query: "up", time: "1e300" },
    status: 400,
    message: 'invalid parameter "time"',
  },
  { name: "the largest time", form: { query: "up", time: "9223372036854.775" }, status: 200 },
  {
    name: "an offset beyond all time",
    form: { query: "up offset 300y" },
    status: 400,
    message: BAD,
  },
  { name: "@ beyond all time", form: { query: "up @ 1e300" }, status: 400, message: BAD },
  {
    name: "bytes that are no text",
    form: { query: "\u{0}\u{ffff}\u{1f600}" },
    status: 400,
    message: BAD,
  },
];

/**
 * @throws when the response differs or does not arrive in time, or when the server does not work
 * afterwards
 */
export async function askBadQuestion(
  url: string,
  { form, path = "query", status, message }: BadQuestion,
  withinMs: number,
): Promise<void> {
  const signal = AbortSignal.timeout(withinMs);
  const response = await fetch(`${url}/api/v1/${path}`, {
    method: "POST",
    body: new URLSearchParams(form),
    signal,
  });
  const answer = JsonFields.parse(await response.text(), "response");
  const error = answer.optional("error", (key) => answer.text(key));
  assert.equal(response.status, status, error?.slice(0, 200));
  const errorType = status === 400 ? "bad_data" : status === 422 ? "execution" : undefined;
  assert.equal(answer.value("errorType"), errorType);
  if (message !== undefined) assert.ok(error?.startsWith(message), error?.slice(0, 200));
  const after = await fetch(`${url}/api/v1/query?query=1`, { signal });
  assert.equal(after.status, 200);
  await after.arrayBuffer();
}
