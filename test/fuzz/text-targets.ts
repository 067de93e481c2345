import { readFileSync } from "node:fs";
import path from "node:path";
import { parseExposition } from "../../exporter/shared/codec/exposition/exposition-parser.js";
import { ConfigSection } from "../../exporter/shared/config/config-section.js";
import { parseExporterConfig } from "../../exporter/config/config.js";
import { Labels } from "../../exporter/shared/model/labels.js";
import { parseMatchers } from "../../scraper/alerting/config/matchers.js";
import { parseNotificationConfig } from "../../scraper/alerting/config/parse-notification-config.js";
import { parseMailAddresses } from "../../scraper/alerting/messages/mail-addresses.js";
import { parseScraperConfig } from "../../scraper/config/config.js";
import { parseRangeExpression } from "../../scraper/discovery/range-expression.js";
import { parseExpression } from "../../scraper/promql/language/parser.js";
import { ALL_FEATURES, QUERY_FEATURES } from "../../scraper/promql/language/features.js";
import { printExpression } from "../../scraper/promql/language/print-expression.js";
import { QueryEngine } from "../../scraper/promql/query/query-engine.js";
import { parseRuleTestFile } from "../../scraper/rule-engine/rule-tests/rule-test-file.js";
import { BodyChunkCache } from "../../scraper/scrape/body-chunk-cache.js";
import { BodyReader } from "../../scraper/scrape/body-reader.js";
import { RowBuffer } from "../../scraper/scrape/row-buffer.js";
import { createAlertmanagerFunctions } from "../../scraper/templates/alertmanager-functions.js";
import { createPrometheusFunctions } from "../../scraper/templates/prometheus-functions.js";
import { createLabelMatcher } from "../../scraper/storage/model/label-matcher.js";
import { compileTemplate } from "../../scraper/templates/template.js";
import { ownExpressions } from "../differential/own-expressions.js";
import { parseRules } from "../scraper/rule-engine/evaluation/rule-bench.js";
import { TEMPLATE_DATA } from "../scraper/templates/alertmanager-data.js";
import { FakeClock } from "../support/fake-clock.js";
import { MemoryFiles } from "../support/memory-files.js";
import { MemoryQuerier } from "../support/memory-querier.js";
import { FIXTURES, REPOSITORY } from "../support/repository.js";
import type { FuzzTarget } from "./fuzz-target.js";

const buffers = (texts: readonly string[]): Buffer[] => texts.map((text) => Buffer.from(text));

/** Readers of text that people write, and of bodies that targets send. */
export function textTargets(): FuzzTarget[] {
  return [
    ...expositionTargets(),
    ...promqlTargets(),
    ...configTargets(),
    ...templateTargets(),
    ...smallTextTargets(),
  ];
}

const EXPOSITION_TOKENS = [
  "# HELP a b\n",
  "# TYPE a counter\n",
  "# TYPE a histogram\n",
  "# UNIT a_seconds seconds\n",
  "# EOF\n",
  "a_total 1\n",
  'a{b="c",d="e\\n"} 1 1000\n',
  '{"a b",c="d"} 1\n',
  ' # {trace_id="x"} 1 1\n',
  'le="+Inf"',
  "_bucket",
  "_sum",
  "_count",
  "_created",
  "{}",
  "NaN",
  "+Inf",
];
const OPEN_METRICS = `# TYPE r_seconds histogram
# UNIT r_seconds seconds
# HELP r_seconds Time \\n of requests.
r_seconds_bucket{le="0.1"} 1 1.5 # {trace_id="é"} 0.05 1.2
r_seconds_bucket{le="+Inf"} 2
r_seconds_count 2
r_seconds_sum 0.7
r_seconds_created 1.5
# TYPE s stateset
s{s="a"} 1
# TYPE i info
i_info{v="1"} 1
{"quoted name",x="y"} 1
# EOF
`;

function expositionTargets(): FuzzTarget[] {
  const bodies = ["pi-3", "pi-5"].map((machine) =>
    readFileSync(path.join(FIXTURES, machine, "expected.txt"), "utf8"),
  );
  const texts = bodies.flatMap((text) => [lines(text, 0, 25), lines(text, 60, 40)]);
  const seeds = buffers([...texts, 'a{b="c"} 1\na{b="d"} 2 1000\n']);
  const common = { seeds, tokens: EXPOSITION_TOKENS };
  return [
    { ...common, name: "exposition text", run: (input) => parseExposition(input, "text/plain") },
    {
      ...common,
      name: "exposition OpenMetrics",
      seeds: buffers([OPEN_METRICS]),
      run: (input) => parseExposition(input, "application/openmetrics-text; version=1.0.0"),
    },
    { ...common, name: "scraped bodies", run: bodyReader(seeds) },
  ];
}

const lines = (text: string, from: number, count: number): string =>
  `${text
    .split("\n")
    .slice(from, from + count)
    .join("\n")}\n`;

/** A target that sends a good body, then a changed one, whose unchanged lines are compared only. */
function bodyReader([good = Buffer.alloc(0)]: readonly Buffer[]): FuzzTarget["run"] {
  const reader = new BodyReader(new BodyChunkCache(), new RowBuffer());
  return (input) => {
    const chunks = reader.read(good, "text", [], 0);
    reader.read(input, "text", chunks, 0);
  };
}

const PROMQL_TOKENS = [
  "sum by (a) (",
  "rate(up[5m])",
  "[5m:1m]",
  " offset 5m",
  " @ end()",
  " @ 1",
  "info(",
  "label_replace(up, ",
  "histogram_quantile(0.9, ",
  "topk(3, ",
  "absent(",
  "and on (a) ",
  " or ",
  " == bool ",
  "group_left (b) ",
  "fill(0) ",
  "1h30m",
  "0x1F",
  '{__name__=~".+"}',
  '=~"(a|b)+"',
  "anchored",
  "smoothed",
  "step()",
  "min_of(",
  "# comment\n",
];

function promqlTargets(): FuzzTarget[] {
  const seeds = buffers([
    ...ownExpressions(),
    'sum by (job) (rate(up{job=~"a.*"}[5m] offset 1m))',
    'label_replace(up, "a", "$1", "job", "(.*)") == on (a, job) group_left (b) sum by (job, a) (up)',
    "max_over_time((up > bool 0)[10m:30s] @ start())",
    'info(up, {__name__="target_info"}) - on () group_left () fill_left (1) vector(time())',
    "quantile_over_time(0.5, up[1m + 2 * 30s]) ^ -1",
  ]);
  const querier = new MemoryQuerier();
  for (const name of ["up", "pihealth_memory_used_ratio", "target_info"]) {
    for (const job of ["a", "b"])
      querier.add(Labels.of({ __name__: name, job }), [1, 2, "stale", 4], { stepMs: 60_000 });
  }
  const engine = new QueryEngine({
    querier,
    clock: new FakeClock(240_000),
    settings: { enabledFeatures: QUERY_FEATURES, maxSamples: 100_000 },
  });
  return [
    {
      name: "PromQL syntax",
      seeds,
      tokens: PROMQL_TOKENS,
      run: (input) => printExpression(parseExpression(input.toString(), ALL_FEATURES)),
    },
    {
      name: "PromQL queries",
      seeds,
      tokens: PROMQL_TOKENS,
      run: async (input) => {
        const expression = input.toString();
        await engine.instant({ expression, timeMs: 180_000 });
        await engine.range({ expression, fromMs: 0, toMs: 200_000, stepMs: 30_000 });
      },
    },
  ];
}

const YAML_TOKENS = [
  "&a ",
  "*a",
  "<<: *a",
  "!!binary ",
  "|\n",
  ">-\n",
  "---\n",
  "...\n",
  "%YAML 1.2\n",
  "- ",
  ": ",
  "? ",
  "{a: b}",
  "[a, b]",
  "15s",
  "~",
  "0o17",
  "${HOME}",
  "    ",
  "global:\n",
  "route:\n",
  "receivers:\n",
  "groups:\n",
];
const SCRAPER_CONFIG = `global: { scrape_interval: 15s, external_labels: { site: "\${SITE}" } }
scrape_configs:
  - job_name: pi
    range_sd_configs: [{ hosts: [192.168.1.10-192.168.1.12, "pi1..pi3.lan"], port: 8732 }]
    relabel_configs: [{ source_labels: [__address__], regex: "(.*):.*", target_label: host }]
    basic_auth: { username: a, password: b }
  - job_name: other
    static_configs: [{ targets: ["a:1"], labels: { b: c } }]
storage: { path: /data, retention: { time: 90d, size: 8GiB } }
web: { port: 8730 }
`;
const NOTIFICATION_CONFIG = `global: { smtp_smarthost: "mail:25", smtp_from: a@b.c, resolve_timeout: 5m }
route:
  receiver: mail
  group_by: [alertname]
  routes: [{ matchers: ['team="db"', 'x=~"a|b"'], receiver: hook, mute_time_intervals: [nights] }]
receivers:
  - name: mail
    email_configs: [{ to: "a@b.c, D <d@e.f>", headers: { subject: '{{ .Status }}' } }]
  - name: hook
    webhook_configs: [{ url: "http://h/", send_resolved: true }]
inhibit_rules: [{ source_matchers: ['a="b"'], target_matchers: ['c="d"'], equal: [instance] }]
time_intervals:
  - name: nights
    time_intervals: [{ times: [{ start_time: "22:00", end_time: "24:00" }], weekdays: ["monday:friday"] }]
`;
const EXPORTER_CONFIG = `listen: { address: 127.0.0.1, port: 8732 }
state: /var/lib/pihealth-exporter
uplink: { masters: ["http://master:8730"] }
history: { flush_interval: 60s }
`;
const RULE_TEST = `rule_files: [r.yml]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series: [{ series: 'up{job="a"}', values: "0 1+1x5 _x3 stale" }]
    alert_rule_test: [{ eval_time: 5m, alertname: A, exp_alerts: [{ exp_labels: { a: b } }] }]
    promql_expr_test: [{ expr: up, eval_time: 1m, exp_samples: [{ labels: 'up{}', value: 1 }] }]
`;

function configTargets(): FuzzTarget[] {
  const rules = ["cpu.yml", "targets.yml"].map((name) =>
    readFileSync(path.join(REPOSITORY, "rules", name)),
  );
  const files = new MemoryFiles();
  const section = (input: Buffer): ConfigSection => ConfigSection.parse(input.toString(), "f.yml");
  const target = (name: string, seed: string, run: (input: Buffer) => unknown): FuzzTarget => ({
    name,
    seeds: buffers([seed]),
    tokens: YAML_TOKENS,
    run,
  });
  return [
    target("YAML of the scraper", SCRAPER_CONFIG, (input) =>
      parseScraperConfig(input.toString(), "/etc/f.yml", files),
    ),
    target(
      "options of the scraper",
      "hosts=10.0.0.1-10.0.0.9\nclient_port=8732\nPIHealthLog=/data\n",
      (input) => parseScraperConfig(input.toString(), "/etc/f.conf", files),
    ),
    target("YAML of notifications", NOTIFICATION_CONFIG, (input) =>
      parseNotificationConfig(section(input)),
    ),
    target("YAML of the exporter", EXPORTER_CONFIG, (input) =>
      parseExporterConfig(section(input), []),
    ),
    {
      ...target("YAML of rules", "", (input) => parseRules(input.toString())),
      seeds: rules.map((bytes) => bytes.subarray(0, 2500)),
    },
    target("YAML of rule tests", RULE_TEST, (input) => parseRuleTestFile(section(input))),
  ];
}

const TEMPLATE_TOKENS = [
  "{{",
  "}}",
  "{{- ",
  " -}}",
  "{{ range .Alerts }}",
  "{{ end }}",
  "{{ with $x := .Labels }}",
  "{{ if eq .Status `firing` }}",
  "{{ else }}",
  '{{ define "t" }}',
  '{{ template "t" . }}',
  ".StartsAt.Format",
  '| printf "%5.2f"',
  "| humanize",
  '| reReplaceAll "(a+)" "$1"',
  "index .Alerts 0",
  "slice ",
  "$x.y",
  "/* c */",
  '<a href="',
  "<script>",
  "' onclick='",
  "%!d(",
];

function templateTargets(): FuzzTarget[] {
  const seeds = buffers([
    '{{ range .Alerts }}{{ .Labels.instance }} since {{ .StartsAt.Format "15:04" }}\n{{ end }}',
    '{{ define "t" }}<b>{{ . }}</b>{{ end }}{{ template "t" (index .Alerts 0).Status }}{{ len .Alerts }}',
    '{{ $v := 3.5 }}{{ printf "%08.3f|%q|%x" $v "a" 255 }}',
    "<a href=\"{{ .ExternalURL }}?q={{ .Receiver | urlquery }}\" title='{{ .Status }}'>{{ .Receiver }}</a>",
    '{{ if and (eq .Status "firing") (gt (len .Alerts) 1) }}{{ (index .Alerts 0).EndsAt.Sub (index .Alerts 0).StartsAt }}{{ else }}x{{ end }}',
    "{{ range $k, $v := .CommonLabels.SortedPairs }}{{ $k }}={{ $v.Value | toUpper }} {{ end }}",
  ]);
  const alertmanager = createAlertmanagerFunctions({ wallMs: () => 0 });
  const prometheus = createPrometheusFunctions({ externalUrl: "http://h" });
  const render =
    (functions: typeof prometheus, escape: "none" | "html") =>
    (input: Buffer): string =>
      compileTemplate("main", input.toString(), functions, { escape }).render(TEMPLATE_DATA);
  const common = { seeds, tokens: TEMPLATE_TOKENS };
  return [
    { ...common, name: "templates of mails as text", run: render(alertmanager, "none") },
    { ...common, name: "templates of mails as HTML", run: render(alertmanager, "html") },
    {
      ...common,
      name: "templates of rules",
      seeds: [
        ...seeds,
        Buffer.from("{{ $v := 3.5 }}{{ $v | humanize }} {{ $v | humanizeDuration }}"),
      ],
      run: render(prometheus, "none"),
    },
  ];
}

function smallTextTargets(): FuzzTarget[] {
  return [
    {
      name: "matchers of Alertmanager",
      seeds: buffers(['{a="b", c=~"d|e",f!="g"}', 'a = "b\\n\\u00e9"', "{a!~`b`}"]),
      tokens: ["=~", "!~", "!=", "{", "}", ","],
      run: (input) => parseMatchers(input.toString()),
    },
    {
      name: "regular expressions",
      seeds: buffers(["(a|b)+c*[^d-z]{2,5}", "(?i:x)\\d\\pL(?P<n>y)$", "^(?s).*?\\Qz\\E"]),
      tokens: ["(", "){1000}", "*", "+?", "[", "]", "\\p{Greek}", "(?P<a>", "|", "\\b", "{2,}"],
      run: (input) => createLabelMatcher("a", "=~", input.toString()).matches("aaaabcbcccc"),
    },
    {
      name: "address ranges",
      seeds: buffers(["192.168.1.10-192.168.1.60", "10.0.7.0/24", "pi1..pi12.lan", "fd00::/120"]),
      tokens: ["/0", "-", "..", "[", "]", ":", "::", "255.255.255.255", "pi000..pi99999"],
      run: (input) => parseRangeExpression(input.toString()),
    },
    {
      name: "mail addresses",
      seeds: buffers(['a@b.c, "D, e" <d@e.f>', "=?utf-8?q?=C3=A9?= <a@b>"]),
      tokens: ["<", ">", "@", ",", '"', "\\", "\r\n", "(c)", "group: a@b;"],
      run: (input) => parseMailAddresses(input.toString()),
    },
  ];
}
