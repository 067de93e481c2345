import assert from "node:assert/strict";
import { test } from "node:test";
import {
  createPrometheusFunctions,
  type TemplateSample,
} from "../../../scraper/templates/prometheus-functions.js";
import { renderWithQueries } from "../../../scraper/templates/render-with-queries.js";
import { compileTemplate } from "../../../scraper/templates/template.js";
import { TemplateError } from "../../../scraper/templates/template-error.js";

const functions = createPrometheusFunctions({ externalUrl: "http://pi.example:8730/path" });
const sample = (labels: Record<string, string>, value: number): TemplateSample => ({
  Labels: new Map(Object.entries(labels)),
  Value: value,
});

/** Inputs and outputs from the documentation and the tests of Prometheus. */
const RENDERED: readonly (readonly [text: string, output: string])[] = [
  [
    "{{ humanize 0.0 }} {{ humanize 1.0 }} {{ humanize 1234567.0 }} {{ humanize .12 }} {{ humanize -4567.0 }}",
    "0 1 1.235M 120m -4.567k",
  ],
  [
    '{{ humanize "1.5e12" }} {{ humanize 99999 }} {{ humanize "NaN" }} {{ humanize "+Inf" }}',
    "1.5T 100k NaN +Inf",
  ],
  [
    "{{ humanize1024 0.0 }} {{ humanize1024 1048576.0 }} {{ humanize1024 .12 }} {{ humanize1024 1073741824 }}",
    "0 1Mi 0.12 1Gi",
  ],
  [
    "{{ humanizeDuration 0 }} {{ humanizeDuration 1 }} {{ humanizeDuration 60 }} {{ humanizeDuration 3600 }}",
    "0s 1s 1m 0s 1h 0m 0s",
  ],
  [
    "{{ humanizeDuration 86400 }} {{ humanizeDuration 899.99 }} {{ humanizeDuration -86461.0 }}",
    "1d 0h 0m 0s 14m 59s -1d 0h 1m 1s",
  ],
  [
    '{{ humanizeDuration .1 }} {{ humanizeDuration 0.0001 }} {{ humanizeDuration .12345 }} {{ humanizeDuration "1.23456" }}',
    "100ms 100us 123.5ms 1.235s",
  ],
  [
    "{{ humanizePercentage 0.01 }} {{ humanizePercentage 1 }} {{ humanizePercentage -0.12345 }}",
    "1% 100% -12.35%",
  ],
  [
    "{{ humanizeTimestamp 1435065584.128 }} {{ humanizeTimestamp 0 }}",
    "2015-06-23 13:19:44.128 +0000 UTC 1970-01-01 00:00:00 +0000 UTC",
  ],
  ['{{ (toTime "1435065584.128").Format "2006" }}', "2015"],
  ['{{ "aa bb CC" | title }} {{ "x" | toUpper }} {{ "Y" | toLower }}', "Aa Bb CC X y"],
  ['{{ stripPort "a.b:80" }} {{ stripPort "[::1]:80" }} {{ stripPort "a.b" }}', "a.b ::1 a.b"],
  [
    '{{ stripDomain "pi.lan:80" }} {{ stripDomain "10.0.0.7:80" }} {{ stripDomain "pi.lan" }} {{ stripDomain "[::1]:80" }}',
    "pi:80 10.0.0.7:80 pi [::1]:80",
  ],
  ['{{ match "a+" "aa" }} {{ reReplaceAll "(a)b" "x$1" "ab" }}', "true xa"],
  [
    '{{ graphLink "up == 0" }} {{ tableLink "up" }}',
    "/graph?g0.expr=up+%3D%3D+0&g0.tab=0 /graph?g0.expr=up&g0.tab=1",
  ],
  ["{{ externalURL }} {{ pathPrefix }}", "http://pi.example:8730/path /path"],
  ['{{ parseDuration "1h30m" }}', "5400"],
  [
    '{{ define "x" }}{{ .arg0 }}-{{ .arg1 }}-{{ .arg2 }}{{ end }}{{ template "x" (args 1 "b") }}',
    "1-b-<no value>",
  ],
  ['{{ define "x" }}<{{ . }}>{{ end }}{{ tmpl "x" "q" }}', "<q>"],
];

for (const [text, output] of RENDERED) {
  test(`A template function has the same output as in Prometheus: ${text}`, () => {
    assert.equal(compileTemplate("t", text, functions).render(undefined), output);
  });
}

test("query evaluates each expression once, and templates can sort and iterate over its result", async () => {
  const queried: string[] = [];
  const text =
    '{{ range query "up" | sortByLabel "instance" }}{{ .Labels.instance }}={{ .Value }} {{ end }}' +
    '{{ query "up" | first | label "instance" }} {{ query "s" | first | value | humanize }} {{ now }}';
  const output = await renderWithQueries(compileTemplate("t", text, functions), undefined, {
    timeMs: 90_500,
    runQuery: async (expression) => {
      queried.push(expression);
      return expression === "up"
        ? [sample({ instance: "b" }, 1), sample({ instance: "a" }, 0)]
        : [sample({}, 1500)];
    },
  });
  assert.equal(output, "a=0 b=1 b 1.5k 90.5");
  assert.deepEqual(queried, ["up", "s"]);
});

test("A rendering fails with the message of a failed query", async () => {
  const template = compileTemplate("t", '{{ query "x(" }}', functions);
  const runQuery = async (): Promise<never> => {
    throw new Error("parse error");
  };
  await assert.rejects(
    renderWithQueries(template, undefined, { timeMs: 0, runQuery }),
    new TemplateError(
      'template: t:1:3: executing "t" at <query "x(">: error calling query: parse error',
    ),
  );
});

test("A rendering fails when it needs more than 50 different queries", async () => {
  const template = compileTemplate(
    "t",
    '{{ range 100 }}{{ query (print "up" .) }}{{ end }}',
    functions,
  );
  await assert.rejects(
    renderWithQueries(template, undefined, { timeMs: 0, runQuery: async () => [] }),
    /more than 50 different queries/,
  );
});
