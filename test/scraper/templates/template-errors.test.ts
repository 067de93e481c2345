import assert from "node:assert/strict";
import { test } from "node:test";
import { createAlertmanagerFunctions } from "../../../scraper/templates/alertmanager-functions.js";
import { compileDefinitions, compileTemplate } from "../../../scraper/templates/template.js";
import { TemplateError } from "../../../scraper/templates/template-error.js";
import { TEMPLATE_DATA } from "./alertmanager-data.js";

const functions = createAlertmanagerFunctions({ wallMs: () => 0 });

/** Invalid templates, with Go's error messages. */
const INVALID: readonly (readonly [text: string, message: string])[] = [
  ["{{.A", "template: t:1: unclosed action"],
  ["{{if}}", "template: t:1: missing value for if"],
  ["{{end}}", "template: t:1: unexpected {{end}}"],
  ["{{ . }}{{else}}", "template: t:1: unexpected {{else}}"],
  ["{{$x}}", 'template: t:1: undefined variable "$x"'],
  ["{{ if true }}{{ $y := 1 }}{{ end }}{{ $y }}", 'template: t:1: undefined variable "$y"'],
  ["a\nb\n{{foo}}", 'template: t:3: function "foo" not defined'],
  ["{{ if true }}", "template: t:1: unexpected EOF"],
  ["{{ if true }}{{ else }}{{ else }}{{ end }}", "template: t:1: expected end; found {{else}}"],
  ["{{ break }}", "template: t:1: {{break}} outside {{range}}"],
  ["{{ define }}{{ end }}", 'template: t:1: unexpected "}}" in define clause'],
  ['{{if true}}{{define "a"}}{{end}}{{end}}', "template: t:1: unexpected <define> in command"],
  ["{{/* x }}", "template: t:1: unclosed comment"],
  ['{{ "a }}', "template: t:1: unterminated quoted string"],
  ["{{ (1 }}", "template: t:1: unclosed left paren"],
  ["{{ 1x }}", 'template: t:1: bad number syntax: "1x"'],
  ["{{ 1 | 2 }}", "template: t:1: non executable command in pipeline stage 2"],
  ['{{ "a""b" }}', String.raw`template: t:1: unexpected "\"b\"" in operand`],
  ["{{ true.x }}", 'template: t:1: unexpected . after term "true"'],
  ["{{ $a, $b := .Alerts }}", "template: t:1: too many declarations in command"],
  ["{{ a! }}", "template: t:1: bad character U+0021 '!'"],
  ["{{}}", "template: t:1: missing value for command"],
  [
    "{{ .Status.Foo }}",
    `template: t:1:10: executing "t" at <.Status.Foo>: can't evaluate field Foo in type string`,
  ],
  [
    "x\n {{ index .Alerts 9 }}",
    'template: t:2:4: executing "t" at <index .Alerts 9>: error calling index: index out of range: 9',
  ],
  [
    '{{ template "no" }}',
    'template: t:1:12: executing "t" at <{{template "no"}}>: template "no" not defined',
  ],
  [
    '{{ toUpper "a" "b" }}',
    'template: t:1:3: executing "t" at <toUpper>: wrong number of args for toUpper: want 1 got 2',
  ],
  [
    '{{ eq 1 "a" }}',
    'template: t:1:3: executing "t" at <eq 1 "a">: error calling eq: incompatible types for comparison',
  ],
  ["{{ nil }}", 'template: t:1:3: executing "t" at <nil>: nil is not a command'],
  ["{{ 3 4 }}", `template: t:1:3: executing "t" at <3>: can't give argument to non-function 3`],
  [
    "{{ range .Status }}x{{ end }}",
    `template: t:1:9: executing "t" at <.Status>: range can't iterate over firing`,
  ],
  [
    '{{ .CommonLabels.job "a" }}',
    'template: t:1:16: executing "t" at <.CommonLabels.job>: job is not a method but has arguments',
  ],
  [
    '{{ .Status "a" }}',
    'template: t:1:3: executing "t" at <.Status>: Status has arguments but cannot be invoked as function',
  ],
  [
    "{{ call nil }}",
    'template: t:1:3: executing "t" at <call nil>: error calling call: call of nil',
  ],
];

for (const [text, message] of INVALID) {
  test(`An invalid template fails with the message of Go: ${text}`, () => {
    assert.throws(
      () => compileTemplate("t", text, functions).render(TEMPLATE_DATA),
      new TemplateError(message),
    );
  });
}

/** Things that templates must not reach or do, and the errors. */
const FORBIDDEN: readonly (readonly [name: string, text: string, message: RegExp])[] = [
  ["properties of JavaScript objects", "{{ .constructor }}", /can't evaluate field constructor/],
  ["properties of JavaScript lists", "{{ .Alerts.length }}", /can't evaluate field length/],
  ["inherited properties", "{{ .toString }}", /can't evaluate field toString/],
  [
    "endless recursion",
    '{{ define "r" }}{{ template "r" }}{{ end }}{{ template "r" }}',
    /exceeded maximum template depth/,
  ],
  ["endless loops", "{{ range 100000000 }}{{ end }}", /exceeded maximum number of steps/],
  ["endless output", '{{ range 100000 }}{{ printf "%0900d" . }}{{ end }}', /output is longer than/],
  [
    "endless intermediate texts",
    '{{ $x := "aaaaaaaaaaaaaaaa" }}{{ range 100 }}{{ $x = print $x $x }}{{ end }}',
    /results of functions are longer/,
  ],
  [
    "growing replacements",
    '{{ $x := printf "%0500000d" 1 }}{{ reReplaceAll "" $x $x }}',
    /result is longer than/,
  ],
  [
    "deep nesting",
    `${"{{ if true }}".repeat(300)}${"{{ end }}".repeat(300)}`,
    /nested deeper than/,
  ],
  ["deep parentheses", `{{ ${"(".repeat(5000)}1${")".repeat(5000)} }}`, /nested deeper than/],
  ["a text longer than allowed", "x".repeat(1_048_577), /text is longer than/],
];

for (const [name, text, message] of FORBIDDEN) {
  test(`A template fails: ${name}`, () => {
    assert.throws(
      () => compileTemplate("t", text, functions).render(TEMPLATE_DATA),
      (error) => {
        return error instanceof TemplateError && message.test(error.message);
      },
    );
  });
}

for (const [problem, text, message] of [
  ["a tag that is not closed", "<a title='x'", /ends in a non-text context: tag/],
  ["a script that is not closed", "<script>x", /ends in a non-text context: script of <script>/],
  ["branches that end in different contexts", '{{ if . }}<a href="{{ end }}">', /branches end in/],
  ["a loop that moves on in its context", '{{ range . }}<a b="{{ end }}', /on range loop re-entry/],
  [
    "a break inside a tag",
    "{{ range . }}{{ if . }}<a {{ break }}{{ end }}{{ end }}",
    /at range loop break/,
  ],
  ["an action before or after the ?", '<a href="/{{ if . }}?{{ end }}{{ . }}">', /ambiguous/],
  ["html before the last command", "{{ . | html | toUpper }}", /escaper "html" disallowed/],
  ["html without quotes", "<a b={{ . | html }}>", /escaper "html" disallowed/],
  ["a quote in an attribute name", "<a b'c='{{ . }}'>", /in attribute name/],
  ["a quote in an attribute without quotes", "<a b=c'd>", /in unquoted attribute/],
  ["a slash of two meanings", "<script>{{ if . }}1{{ end }} / 2</script>", /a slash could start/],
  ["a set of characters cut in two", "<script>/[{{ . }}]/</script>", /unfinished set/],
  ["an escape cut in two", "<script>'\\{{ . }}'</script>", /unfinished escape/],
  ["a template that is missing", '<p>{{ template "no" }}</p>', /no such template "no"/],
  [
    "recursion that changes the context",
    '{{ define "r" }}{{ if . }}{{ template "r" . }}{{ end }}<a b="{{ end }}{{ template "r" . }}',
    /branches end in different|cannot compute output context|non-text context/,
  ],
] as const) {
  test(`HTML mode does not compile ${problem}`, () => {
    assert.throws(
      () => compileTemplate("t", text, functions, { escape: "html" }),
      (error) => error instanceof TemplateError && message.test(error.message),
    );
  });
}

test("An error of HTML mode names the file and the line", () => {
  const definitions = compileDefinitions(
    [{ name: "mail.tmpl", text: '{{ define "a" }}\n<p>\n<a b=c"d>{{ end }}' }],
    functions,
  );
  assert.throws(
    () =>
      compileTemplate("html", '{{ template "a" . }}', functions, { escape: "html", definitions }),
    new TemplateError('html/template: line 1 of "mail.tmpl": "\\"" in unquoted attribute: c"d'),
  );
});
