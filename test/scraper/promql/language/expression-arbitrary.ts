import fc from "fast-check";

/** Texts of well-typed expressions over a few metrics, for comparing parsers and evaluations. */
export interface ExpressionTexts {
  readonly scalar: fc.Arbitrary<string>;
  readonly vector: fc.Arbitrary<string>;
}

const METRICS = [
  "up",
  "node_cpu_seconds_total",
  "http_requests_total",
  "job:load:sum",
  "sum",
  "by",
  "offset",
  "fill",
];
const LABELS = ["job", "instance", "le", "on", "__name__", "sum"];
const DURATIONS = [
  "5m",
  "1h30m",
  "30s",
  "1d",
  "100ms",
  "90",
  "5m * 2",
  "(1m + 30s)",
  "step()",
  "-1m + range()",
  "min_of(5m, step() * 4)",
  "max_of(2 ^ 3, 1h % 7m)",
  "1h / 2",
];

const label = fc.constantFrom(...LABELS.filter((name) => name !== "__name__"));
const duration = fc.constantFrom(...DURATIONS);
const space = fc.constantFrom(" ", "  ", "\n", " # a remark\n");
const groupingLabel = fc.oneof(
  { weight: 4, arbitrary: label },
  { weight: 1, arbitrary: fc.constantFrom('"a.b"', "'job'") },
);
const labels = fc.array(groupingLabel, { maxLength: 2 }).map((names) => `(${names.join(", ")})`);

const matcher = fc
  .tuple(
    fc.constantFrom(...LABELS),
    fc.constantFrom("=", "!="),
    fc.constantFrom('"a"', "'b'", "`c`", '"\\u00e9\\n"'),
  )
  .map((parts) => parts.join(""));
const regexMatcher = fc
  .tuple(label, fc.constantFrom("=~", "!~"), fc.constantFrom('"a|b"', '".+"', '"(?i:x).*"'))
  .map((parts) => parts.join(""));
const braces = fc
  .tuple(fc.array(fc.oneof(matcher, regexMatcher), { maxLength: 2 }), fc.boolean())
  .map(([matchers, comma]) => `{${matchers.join(",")}${comma && matchers.length > 0 ? "," : ""}}`);
const quotedName = fc.constantFrom('{"a.b"}', '{"a.b", job="x"}', '{job!="", "c d"=~"x.*"}');

const selector = fc.oneof(
  fc.constantFrom(...METRICS),
  fc
    .tuple(
      fc.constantFrom(...METRICS),
      braces.filter((text) => !text.includes("__name__")),
    )
    .map(([a, b]) => a + b),
  quotedName,
);
const timeModifiers = fc.constantFrom(
  "",
  "",
  "",
  " offset 5m",
  " offset -1h",
  " @ 100",
  " @ start()",
  " offset 1m @ end()",
  " offset (5m + 30)",
  " offset step()",
  " @ -1.5e3 offset -range()",
);
const extension = fc.constantFrom("", "", "", "", " anchored", " smoothed");
const modifiers = fc.tuple(extension, timeModifiers).map((parts) => parts.join(""));

const number = fc.constantFrom(
  "1",
  "0.5",
  ".25",
  "1e6",
  "1e-3",
  "0x1F",
  "Inf",
  "NaN",
  "5m",
  "1_000",
);
const arithmetic = fc.constantFrom("+", "-", "*", "/", "%", "^", " atan2 ");
const comparison = fc.constantFrom("==", "!=", ">", "<", ">=", "<=");

function matching(allowGroups: boolean): fc.Arbitrary<string> {
  const on = fc.tuple(
    fc.constantFrom(" on ", " ignoring "),
    fc.constantFrom("()", "(job)", "(job, instance)"),
  );
  const group = allowGroups
    ? fc.constantFrom("", " group_left () ", " group_right (le) ")
    : fc.constant("");
  const fill = allowGroups
    ? fc.constantFrom(
        "",
        "",
        "",
        " fill (0) ",
        " fill_left(-1) fill_right(5m) ",
        " fill_right (NaN)",
      )
    : fc.constant("");
  const labelled = fc.tuple(on, group).map(([[word, names], side]) => `${word}${names}${side} `);
  return fc
    .tuple(fc.oneof(fc.constant(" "), labelled), fill)
    .map(([match, filled]) => `${match}${filled} `);
}

/**
 * An operand of a vector matching, parenthesized so that the matching never applies to a scalar in
 * it.
 */
const side = (vector: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.oneof(
    selector,
    vector.map((inner) => `(${inner})`),
  );

const rangeFunction = fc.constantFrom(
  "rate",
  "increase",
  "avg_over_time",
  "absent_over_time",
  "changes",
);
const vectorFunction = fc.constantFrom("abs", "sort", "absent", "timestamp", "hour", "ceil");
const aggregation = fc.constantFrom("sum", "avg", "MIN", "count", "group", "stddev");

export const expressionTexts: ExpressionTexts = fc.letrec<{
  scalar: string;
  vector: string;
  matrix: string;
}>((tie) => ({
  scalar: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    number,
    fc.tuple(tie("scalar"), arithmetic, tie("scalar")).map((parts) => parts.join(" ")),
    fc
      .tuple(tie("scalar"), comparison, tie("scalar"))
      .map(([left, operator, right]) => `${left} ${operator} bool ${right}`),
    tie("scalar").map((inner) => `(${inner})`),
    fc.tuple(fc.constantFrom("-", "+"), tie("scalar")).map(([sign, inner]) => `${sign}(${inner})`),
    fc.constantFrom("time()", "pi( )"),
    tie("vector").map((inner) => `scalar(${inner})`),
  ),
  vector: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.tuple(selector, modifiers).map((parts) => parts.join("")),
    fc
      .tuple(side(tie("vector")), arithmetic, matching(true), side(tie("vector")))
      .map((parts) => parts.join(" ")),
    fc
      .tuple(
        side(tie("vector")),
        comparison,
        fc.constantFrom("", " bool"),
        matching(true),
        side(tie("vector")),
      )
      .map((parts) => parts.join(" ")),
    fc
      .tuple(
        side(tie("vector")),
        fc.constantFrom("and", "OR", "unless"),
        matching(false),
        side(tie("vector")),
      )
      .map((parts) => parts.join(" ")),
    fc.tuple(tie("scalar"), arithmetic, tie("vector")).map((parts) => parts.join(" ")),
    fc.tuple(tie("vector"), space, comparison, tie("scalar")).map((parts) => parts.join(" ")),
    fc
      .tuple(aggregation, fc.constantFrom(" by ", " without "), labels, tie("vector"))
      .map(([operator, word, names, inner]) => `${operator}${word}${names} (${inner})`),
    fc.tuple(aggregation, tie("vector"), labels).map(([a, b, c]) => `${a}(${b}) by ${c}`),
    fc
      .tuple(fc.constantFrom("topk", "quantile", "bottomk"), tie("scalar"), tie("vector"))
      .map(([operator, parameter, inner]) => `${operator}(${parameter}, ${inner})`),
    fc.tuple(vectorFunction, tie("vector")).map(([name, inner]) => `${name}(${inner})`),
    fc.tuple(rangeFunction, tie("matrix")).map(([name, inner]) => `${name}(${inner})`),
    tie("vector").map((inner) => `(${inner})`),
    tie("vector").map((inner) => `-(${inner})`),
  ),
  matrix: fc.oneof(
    { depthSize: "small" },
    fc
      .tuple(selector, duration, modifiers)
      .map(([inner, window, rest]) => `${inner}[${window}]${rest}`),
    fc
      .tuple(tie("vector"), duration, fc.option(duration), timeModifiers)
      .map(([inner, window, step, rest]) => `(${inner})[${window}:${step ?? ""}]${rest}`),
  ),
}));
