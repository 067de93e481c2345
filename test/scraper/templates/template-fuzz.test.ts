import fc from "fast-check";
import { test } from "node:test";
import { createPrometheusFunctions } from "../../../scraper/templates/prometheus-functions.js";
import { compileTemplate } from "../../../scraper/templates/template.js";
import { TemplateError } from "../../../scraper/templates/template-error.js";
import { TEMPLATE_DATA } from "./alertmanager-data.js";

const functions = createPrometheusFunctions({ externalUrl: "" });
const PARTS = [
  "{{",
  "}}",
  "{{- ",
  " -}}",
  " ",
  ".",
  "$x",
  ":=",
  "=",
  "|",
  "(",
  ")",
  ",",
  "if",
  "else",
  "end",
  "range",
  "with",
  "define",
  "template",
  "block",
  "break",
  '"a"',
  "`b`",
  "'c'",
  "1",
  "-2.5e3",
  "true",
  "nil",
  ".Status",
  ".Alerts",
  ".CommonLabels.job",
  "printf",
  "%*d",
  '"%[9]s %x"',
  "index",
  "slice",
  "len",
  "and",
  "or",
  "eq",
  "lt",
  "humanize",
  "title",
  "/*",
  "*/",
  "\n",
  "é",
  "😀",
  "\0",
  '<a href="',
  "<script>",
  "<!--",
  "'>",
];

for (const escape of ["none", "html"] as const) {
  test(`A random template renders or fails with a TemplateError, mode ${escape}`, () => {
    const texts = fc
      .array(fc.constantFrom(...PARTS), { maxLength: 25 })
      .map((parts) => parts.join(""));
    const actions = fc
      .array(fc.constantFrom(...PARTS), { maxLength: 8 })
      .map((parts) => `{{ ${parts.join(" ")} }}`);
    fc.assert(
      fc.property(fc.oneof(texts, actions), (text) => {
        try {
          compileTemplate("t", text, functions, { escape }).render(TEMPLATE_DATA);
        } catch (error) {
          if (!(error instanceof TemplateError)) throw error;
        }
      }),
      { numRuns: 3000 },
    );
  });
}
