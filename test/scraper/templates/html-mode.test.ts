import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { messageOf } from "../../../exporter/shared/model/errors.js";
import { createAlertmanagerFunctions } from "../../../scraper/templates/alertmanager-functions.js";
import { compileTemplate } from "../../../scraper/templates/template.js";
import { htmlTemplates } from "../../support/html-templates.js";
import { alertmanagerMinor, peerEnvironment } from "../../support/peers.js";
import { AMTOOL_DATA, TEMPLATE_DATA } from "./alertmanager-data.js";

const GENERATED = 300;
/** Older versions are built with a Go that escapes scripts otherwise. */
const COMPARED_SINCE = 33;
const functions = createAlertmanagerFunctions({ wallMs: () => 0 });

const render = (text: string): string =>
  compileTemplate("html", text, functions, { escape: "html" }).render(TEMPLATE_DATA);

/** Outputs of amtool 0.33.1. */
for (const [text, expected] of [
  [
    "<a b={{ .CommonAnnotations.summary }}>",
    "<a b=&lt;b&gt;hot&lt;/b&gt;&#32;&#34;q&#34;&#32;&#43;1>",
  ],
  ['<a b={{ "" }}>', "<a b=ZgotmplZ>"],
  ['<p {{ .Status }}="x" {{ "onclick" }}="y">', '<p firing="x" ZgotmplZ="y">'],
  [
    "<script>x = {{ .CommonLabels }}, {{ 1 }}</script>",
    '<script>x = "alertname=X, job=pi, zone=a\\u0026b",  1 </script>',
  ],
  [
    "<script>x = '{{ .CommonAnnotations.summary }}'</script>",
    "<script>x = '\\u003cb\\u003ehot\\u003c\\/b\\u003e \\u0022q\\u0022 \\u002b1'</script>",
  ],
  [
    '<script>x = `${ {{ .Status }} }{{ "`${" }}`</script>',
    '<script>x = `${ "firing" }\\u0060\\u0024\\u007b`</script>',
  ],
  [
    '<script>/{{ "" }}{{ "a.b" }}/; // {{ .Status }}\n</script>',
    "<script>/(?:)a\\.b/; \n</script>",
  ],
  [
    '<script type="text/template"><b>{{ "<" }}</b></script>',
    '<script type="text/template"><b>&lt;</b></script>',
  ],
  [
    '<a onclick="f({{ .Status }}, &quot;{{ "<" }}&quot;)">',
    '<a onclick="f(&#34;firing&#34;, &quot;\\u003c&quot;)">',
  ],
  [
    '<p style="color: {{ "red" }}; width: {{ "expression(1)" }}">',
    '<p style="color: red; width: ZgotmplZ">',
  ],
  [
    "<style>a { background: url('{{ .ExternalURL }}?x={{ \"a b\" }}') }</style>",
    "<style>a { background: url('http://am:9093?x=a%20b') }</style>",
  ],
  [
    "<style>a { content: '{{ \"</style>\" }}' }</style>",
    "<style>a { content: '\\3c\\2fstyle\\3e ' }</style>",
  ],
  ['<img srcset="{{ "a.png 1x, javascript:b 2x" }}">', '<img srcset="a.png 1x,#ZgotmplZ">'],
  ['<meta content="0; url={{ "javascript:x" }}">', '<meta content="0; url=#ZgotmplZ">'],
  ['<a href="?q={{ urlquery "a b" }}">{{ html "<" }}</a>', '<a href="?q=a&#43;b">&lt;</a>'],
  [
    '{{ define "c" }}{{ . }}{{ end }}<b title=\'{{ template "c" "<" }}\'>{{ template "c" "+" }}</b>',
    "<b title='&lt;'>&#43;</b>",
  ],
] as const) {
  test(`HTML mode escapes for the context: ${text}`, () => {
    assert.equal(render(text), expected);
  });
}

if (alertmanagerMinor() >= COMPARED_SINCE) {
  test("HTML mode has the verdict and the output of Alertmanager for generated templates", async () => {
    const folder = mkdtempSync(path.join(tmpdir(), "pihealth-html-"));
    try {
      const dataFile = path.join(folder, "data.json");
      writeFileSync(dataFile, JSON.stringify(AMTOOL_DATA));
      const texts = htmlTemplates(GENERATED, 20261129).values();
      const counts = { same: 0, refused: 0 };
      const compare = async (): Promise<void> => {
        for (const text of texts) {
          const wanted = await renderWithAmtool(text, dataFile);
          assert.deepEqual({ text, output: ownOutput(text) }, { text, output: wanted });
          counts[wanted === undefined ? "refused" : "same"]++;
        }
      };
      await Promise.all([compare(), compare(), compare()]);
      assert.ok(counts.same > 100 && counts.refused > 50, JSON.stringify(counts));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
}

/** Undefined when the template is refused. */
function ownOutput(text: string): string | undefined {
  try {
    return render(text);
  } catch (error) {
    assert.match(messageOf(error), /template/);
    return undefined;
  }
}

function renderWithAmtool(text: string, dataFile: string): Promise<string | undefined> {
  const args = ["template", "render", "--template.glob=/nonexistent/*.tmpl"];
  args.push("--template.type=html", `--template.data=${dataFile}`, "--template.text", text);
  return new Promise((resolve) => {
    execFile("amtool", args, { encoding: "utf8", env: peerEnvironment() }, (error, stdout) =>
      resolve(error === null ? stdout.replace(/\n$/, "") : undefined),
    );
  });
}
