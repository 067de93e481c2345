import { parseQueryResponse } from "../support/api-response.js";

/**
 * Syntax that some version of Prometheus since 2.42 does not have, with an equivalent in its
 * language. We evaluate the left form. Prometheus evaluates the left form where it can parse it,
 * and the right form elsewhere. No left form occurs in other generated texts.
 */
export const NEWER_SYNTAX = {
  selectors: [
    ['{"up"}', "up"],
    ['{"requests_total", code="500"}', 'requests_total{code="500"}'],
    ['{"job"=~"d.", "temperature"}', 'temperature{job=~"d."}'],
  ],
  windows: [
    ["[60 * 5]", "[5m]"],
    ["[(1m + 30) * 2]", "[3m]"],
    ["[600]", "[10m]"],
    ["[2 ^ 3 * 30s]", "[4m]"],
    ["[-5m + 20m]", "[15m]"],
  ],
  modifiers: [
    [" offset (2m30s * 2)", " offset 5m"],
    [" offset 120", " offset 2m"],
    [" offset (-1m)", " offset -1m"],
  ],
  groupings: [
    [' by ("job")', " by (job)"],
    [' without ("code", le)', " without (code, le)"],
  ],
  scalars: [
    ["(time() - 5m)", "(time() - 300)"],
    ["1h30m", "5400"],
    ["1_000", "1000"],
  ],
  vectors: [
    [
      "(requests_total - fill (7) latency_bucket)",
      "((requests_total - latency_bucket) or ((requests_total unless latency_bucket) - 7) or (7 - (latency_bucket unless requests_total)))",
    ],
    [
      "(up * on (job, instance) fill_right (2) temperature)",
      "(sum by (job, instance) (up * on (job, instance) temperature or on (job, instance) (up unless on (job, instance) temperature) * 2))",
    ],
    [
      "(odd + ignoring (room) group_left () fill_right (0) temperature)",
      "(odd + ignoring (room) group_left () temperature or (odd unless ignoring (room) temperature) + 0)",
    ],
    [
      "double_exponential_smoothing(requests_total[10m30s], 0.4, 0.2)",
      "holt_winters(requests_total[10m30s], 0.4, 0.2)",
    ],
    ["(sum(temperature) > bool 5m)", "(sum(temperature) > bool 300)"],
  ],
} as const satisfies Readonly<Record<string, readonly (readonly [newer: string, older: string])[]>>;

/** Completes a piece of syntax to a query. */
const QUERY_WITH: Readonly<Record<keyof typeof NEWER_SYNTAX, (piece: string) => string>> = {
  selectors: (piece) => piece,
  windows: (piece) => `count_over_time(up${piece})`,
  modifiers: (piece) => `up${piece}`,
  groupings: (piece) => `sum${piece} (up)`,
  scalars: (piece) => piece,
  vectors: (piece) => piece,
};

/** Translates an expression to the language of one version of Prometheus. */
export type Translation = (expression: string) => string;

/** Asks Prometheus which of the newer pieces it cannot parse. Only those are translated. */
export async function translationFor(prometheusUrl: string): Promise<Translation> {
  const replaced: (readonly [string, string])[] = [];
  for (const kind of SYNTAX_KINDS) {
    for (const pair of NEWER_SYNTAX[kind]) {
      const query = QUERY_WITH[kind](pair[0]);
      if (!(await canParse(prometheusUrl, query))) replaced.push(pair);
    }
  }
  return (expression) =>
    replaced.reduce((text, [newer, older]) => text.replaceAll(newer, older), expression);
}

const SYNTAX_KINDS = [
  "selectors",
  "windows",
  "modifiers",
  "groupings",
  "scalars",
  "vectors",
] as const satisfies readonly (keyof typeof NEWER_SYNTAX)[];

async function canParse(url: string, query: string): Promise<boolean> {
  const body = new URLSearchParams({ query });
  const response = await fetch(`${url}/api/v1/query`, { method: "POST", body });
  return parseQueryResponse(await response.text()).status === "success";
}
