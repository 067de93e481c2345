import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { Labels } from "../../../../exporter/shared/model/labels.js";
import { groupKeyOf, groupLabelsOf, routesFor } from "../../../../scraper/alerting/config/route.js";
import { parseConfig } from "../dispatch/dispatcher-harness.js";

const TREE = `
global: { resolve_timeout: 3m, smtp_smarthost: "[::1]:465", smtp_from: "Pi <pi@example.org>", smtp_auth_username: pi, smtp_auth_password: hunter2 }
route:
  receiver: all
  group_by: [alertname, site]
  routes:
    - matchers: ['team=~"db|web"', 'severity!="info"']
      receiver: teams
      group_wait: 5s
      routes:
        - { match: { severity: critical }, receiver: pager, group_by: ['...'], continue: true }
        - { match_re: { severity: "crit.*|warn.*" }, repeat_interval: 1d }
    - { matchers: ['severity="critical"'], receiver: pager }
receivers:
  - { name: all }
  - { name: teams, email_configs: [{ to: [a@example.org, b@example.org], headers: { Subject: hi }, hello: pi.example.org }] }
  - { name: pager, webhook_configs: [{ url: "https://example.org/secret-token", max_alerts: 3, send_resolved: no }] }
inhibit_rules: [{ source_match: { a: b }, target_match_re: { c: "d|e" }, equal: [site] }]
mute_time_intervals: [{ name: old, time_intervals: [{ weekdays: [saturday, sunday] }] }]
time_intervals:
  - name: office
    time_intervals:
      - { times: [{ start_time: 09:00, end_time: "17:00" }], days_of_month: ["1:15", "-1"], months: [march], years: ["2026"], location: Europe/Berlin }
`;

for (const { labels, expected } of [
  { labels: { alertname: "X" }, expected: ['all wait=30000 repeat=14400000 {}:{alertname="X"}'] },
  {
    labels: { alertname: "X", severity: "critical" },
    expected: ['pager wait=30000 repeat=14400000 {}/{severity="critical"}:{alertname="X"}'],
  },
  {
    labels: { alertname: "X", team: "db" },
    expected: [
      'teams wait=5000 repeat=14400000 {}/{severity!="info",team=~"db|web"}:{alertname="X"}',
    ],
  },
  {
    labels: { alertname: "X", team: "db", severity: "warning", site: "b" },
    expected: [
      'teams wait=5000 repeat=86400000 {}/{severity!="info",team=~"db|web"}/{severity=~"crit.*|warn.*"}:{alertname="X", site="b"}',
    ],
  },
  {
    labels: { alertname: "X", team: "web", severity: "critical" },
    expected: [
      'pager wait=5000 repeat=14400000 {}/{severity!="info",team=~"db|web"}/{severity="critical"}:{alertname="X", severity="critical", team="web"}',
      'teams wait=5000 repeat=86400000 {}/{severity!="info",team=~"db|web"}/{severity=~"crit.*|warn.*"}:{alertname="X"}',
    ],
  },
  {
    labels: { alertname: "X", team: "db", severity: "info" },
    expected: ['all wait=30000 repeat=14400000 {}:{alertname="X"}'],
  },
]) {
  test(`The routing tree takes ${JSON.stringify(labels)} to ${expected.length} route(s)`, () => {
    const set = Labels.of(labels);
    const found = routesFor(parseConfig(TREE).route, set).map((route) => {
      const key = groupKeyOf(route, groupLabelsOf(route, set));
      return `${route.receiver} wait=${route.groupWaitMs} repeat=${route.repeatIntervalMs} ${key}`;
    });
    assert.deepEqual(found, expected);
  });
}

test("Settings of the mail server are inherited from global and overridden one by one", () => {
  const integration = parseConfig(TREE).receivers.get("teams")?.integrations[0];
  assert.ok(integration?.kind === "email");
  const { to, from, sendResolved, server } = integration;
  assert.deepEqual(
    { to, from, sendResolved },
    { to: "a@example.org, b@example.org", from: "Pi <pi@example.org>", sendResolved: false },
  );
  assert.deepEqual(
    {
      host: server.host,
      port: server.port,
      hello: server.hello,
      tls: server.implicitTls,
      starttls: server.requireTls,
    },
    { host: "::1", port: 465, hello: "pi.example.org", tls: true, starttls: true },
  );
  assert.deepEqual(server.auth, {
    username: "pi",
    password: { kind: "text", text: "hunter2" },
    secret: undefined,
    identity: "",
  });
});

test("amtool accepts the configuration as shown by the API, in which no secret is", () => {
  const { masked } = parseConfig(TREE);
  for (const secret of ["hunter2", "secret-token"]) assert.ok(!masked.includes(secret));
  const folder = mkdtempSync(path.join(tmpdir(), "pihealth-amtool-"));
  try {
    const file = path.join(folder, "masked.yml");
    writeFileSync(file, masked);
    execFileSync("amtool", ["check-config", file], { stdio: "pipe" });
    const options = [
      "config",
      "routes",
      "test",
      `--config.file=${file}`,
      "team=db",
      "severity=critical",
    ];
    assert.equal(execFileSync("amtool", options, { encoding: "utf8" }).trim(), "pager,teams");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

const SMTP = 'global: { smtp_smarthost: "mail:587", smtp_from: "pi@example.org" }';
for (const { name, yaml, message } of [
  { name: "no route", yaml: "receivers: [{ name: a }]", message: /key route is missing/ },
  {
    name: "unknown receiver",
    yaml: "route: { receiver: b }\nreceivers: [{ name: a }]",
    message: /line 1: key route\.receiver is "b", it must be one of the receivers: a$/,
  },
  {
    name: "receiver twice",
    yaml: "route: { receiver: a }\nreceivers: [{ name: a }, { name: a }]",
    message: /second time/,
  },
  {
    name: "unknown key",
    yaml: "route: { receiver: a, group_weight: 5s }\nreceivers: [{ name: a }]",
    message: /key route\.group_weight is not a known key/,
  },
  {
    name: "unknown global key",
    yaml: "global: { slack_web_url: x }\nroute: { receiver: a }\nreceivers: [{ name: a }]",
    message: /slack_web_url is not a known key/,
  },
  {
    name: "other kind of receiver",
    yaml: "route: { receiver: a }\nreceivers:\n  - name: a\n    slack_configs: [{ channel: x, api_url: 'https://example.org' }]",
    message:
      /line 4: .*slack_configs is a kind of receiver that is not supported yet, it must be one of email_configs, webhook_configs/,
  },
  {
    name: "matchers on the first route",
    yaml: "route: { receiver: a, matchers: [x=y] }\nreceivers: [{ name: a }]",
    message: /must match every alert/,
  },
  {
    name: "bad matcher",
    yaml: "route: { receiver: a, routes: [{ matchers: ['x'] }] }\nreceivers: [{ name: a }]",
    message: /routes\[0\]\.matchers .*bad matcher format/,
  },
  {
    name: "bad expression",
    yaml: "route: { receiver: a, routes: [{ match_re: { x: '(' } }] }\nreceivers: [{ name: a }]",
    message: /Cannot compile regular expression/,
  },
  {
    name: "group_by ... with others",
    yaml: "route: { receiver: a, group_by: ['...', b] }\nreceivers: [{ name: a }]",
    message: /must stand alone/,
  },
  {
    name: "unknown interval",
    yaml: "route: { receiver: a, routes: [{ mute_time_intervals: [x] }] }\nreceivers: [{ name: a }]",
    message: /has "x", it must be one of time_intervals/,
  },
  {
    name: "mute on the first route",
    yaml: "route: { receiver: a, mute_time_intervals: [x] }\nreceivers: [{ name: a }]",
    message: /set on the first route/,
  },
  {
    name: "bad time",
    yaml: "route: { receiver: a }\nreceivers: [{ name: a }]\ntime_intervals: [{ name: x, time_intervals: [{ times: [{ start_time: '25:00', end_time: '26:00' }] }] }]",
    message: /start_time is "25:00", it must be a time/,
  },
  {
    name: "no smarthost",
    yaml: "route: { receiver: a }\nreceivers: [{ name: a, email_configs: [{ to: x@y, from: a@b }] }]",
    message: /smarthost is missing/,
  },
  {
    name: "bad smarthost",
    yaml: "global: { smtp_smarthost: mail, smtp_from: a@b }\nroute: { receiver: a }\nreceivers: [{ name: a, email_configs: [{ to: x@y }] }]",
    message: /it must be host:port/,
  },
  {
    name: "no address",
    yaml: `${SMTP}\nroute: { receiver: a }\nreceivers: [{ name: a, email_configs: [{ to: '' }] }]`,
    message: /to is missing/,
  },
  {
    name: "password in clear",
    yaml: `${SMTP.replace("{ ", "{ smtp_require_tls: false, smtp_auth_username: a, smtp_auth_password: b, ")}\nroute: { receiver: a }\nreceivers: [{ name: a, email_configs: [{ to: x@y }] }]`,
    message: /must be true when a password goes to another machine/,
  },
  {
    name: "password twice",
    yaml: `${SMTP.replace("{ ", "{ smtp_auth_password: b, smtp_auth_password_file: c, ")}\nroute: { receiver: a }\nreceivers: [{ name: a }]`,
    message: /only one of them/,
  },
  {
    name: "webhook without URL",
    yaml: "route: { receiver: a }\nreceivers: [{ name: a, webhook_configs: [{ url: 'ftp://x' }] }]",
    message: /must start with http/,
  },
  {
    name: "wrong type",
    yaml: "route: [a]\nreceivers: [{ name: a }]",
    message: /key route is .*, it must be a mapping/,
  },
  {
    name: "bad duration",
    yaml: "route: { receiver: a, group_wait: soon }\nreceivers: [{ name: a }]",
    message: /group_wait .*soon/,
  },
]) {
  test(`A configuration is refused with its place: ${name}`, () =>
    assert.throws(() => parseConfig(yaml), message));
}

const ROUTE = "route: { receiver: a }\n";
const USED = (config: string): string => `${SMTP}\n${ROUTE}receivers: [{ name: a, ${config} }]`;
const UNUSED = (config: string): string =>
  `${SMTP}\n${ROUTE}receivers: [{ name: a }, { name: b, ${config} }]`;
const WEBHOOK = (keys: string): string => USED(`webhook_configs: [{ url: "http://x", ${keys} }]`);

interface AcceptedCase {
  readonly name: string;
  readonly yaml: string;
  /** Undefined: there is no warning. */
  readonly warning?: RegExp;
}
const ACCEPTED: readonly AcceptedCase[] = [
  {
    name: "another kind of receiver that no route uses",
    yaml: UNUSED("slack_configs: [{ api_url: 'https://example.org' }]"),
    warning: /key receivers\[1\]\.slack_configs is a kind of receiver that is not supported yet/,
  },
  {
    name: "oauth2 of a webhook that no route uses",
    yaml: UNUSED(
      "webhook_configs: [{ url: 'http://x', http_config: { oauth2: { client_id: a, token_url: b } } }]",
    ),
    warning: /http_config is not supported yet/,
  },
  {
    name: "keys of other receivers",
    yaml: `global: { slack_api_url: "https://example.org", opsgenie_api_key: x }\n${ROUTE}receivers: [{ name: a }]`,
    warning: /global\.slack_api_url has no effect here/,
  },
  {
    name: "tracing",
    yaml: `${ROUTE}receivers: [{ name: a }]\ntracing: { endpoint: x }`,
    warning: /tracing has no effect/,
  },
  {
    name: "a second document",
    yaml: `${ROUTE}receivers: [{ name: a }]\n---\nx: y`,
    warning: /more than one document/,
  },
  {
    name: "header fields of the program",
    yaml: USED("email_configs: [{ to: x@y, headers: { Bcc: a@b, Cc: c@d, Message-ID: x } }]"),
    warning: /has Bcc, which this program writes itself or omits/,
  },
  {
    name: "a header field without a name",
    yaml: USED("email_configs: [{ to: x@y, headers: { 'X: Y': x } }]"),
    warning: /has "X: Y", which is no name of a field/,
  },
  {
    name: "short intervals",
    yaml: "route: { receiver: a, group_interval: 1ms, repeat_interval: 10ms, group_wait: 3d }\nreceivers: [{ name: a }]",
  },
  {
    name: "no resolve timeout",
    yaml: `global: { resolve_timeout: 0s, smtp_hello: "" }\n${ROUTE}receivers: [{ name: a }]`,
  },
  {
    name: "TLS versions",
    yaml: USED("email_configs: [{ to: x@y, tls_config: { min_version: TLS13 } }]"),
  },
  {
    name: "password and file",
    yaml: USED("email_configs: [{ to: x@y, auth_password: a, auth_password_file: b }]"),
  },
  ...[
    "basic_auth: { username: a, password: b }",
    "authorization: { credentials: x }",
    "authorization: { type: Token, credentials_file: x }",
    "bearer_token: x",
    "tls_config: { ca_file: x, insecure_skip_verify: yes, min_version: TLS12, server_name: y }",
    'proxy_url: "http://proxy:3128", no_proxy: "10.0.0.0/8"',
    "proxy_from_environment: true",
    "follow_redirects: false, enable_http2: false",
    "http_headers: { X-Key: { secrets: [a] } }",
  ].map((http) => ({
    name: `http_config with ${http}`,
    yaml: WEBHOOK(`http_config: { ${http} }`),
  })),
];
for (const { name, yaml, warning } of ACCEPTED) {
  test(`A configuration is accepted: ${name}`, () => {
    const { warnings } = parseConfig(yaml);
    if (warning === undefined) assert.deepEqual(warnings, []);
    else assert.match(warnings.join("\n"), warning);
  });
}

for (const { name, yaml } of [
  { name: "oauth2", yaml: WEBHOOK("http_config: { oauth2: { client_id: a, token_url: b } }") },
  { name: "a SOCKS proxy", yaml: WEBHOOK('http_config: { proxy_url: "socks5://x" }') },
  { name: "a secret manager", yaml: WEBHOOK("http_config: { basic_auth: { password_ref: a } }") },
  { name: "a payload", yaml: WEBHOOK("payload: { a: b }") },
  { name: "a templated URL", yaml: USED("webhook_configs: [{ url: 'http://x/{{ .Receiver }}' }]") },
]) {
  test(`A used receiver is refused clearly, because it is not supported yet: ${name}`, () =>
    assert.throws(() => parseConfig(yaml), /not supported yet/));
}

for (const equal of ["inst ance", ""]) {
  test(`The equal label ${JSON.stringify(equal)}, which no alert has, is refused`, () => {
    const rule = `{ source_match: { a: b }, target_match: { c: d }, equal: ["${equal}"] }`;
    assert.throws(
      () => parseConfig(`${ROUTE}receivers: [{ name: a }]\ninhibit_rules: [${rule}]`),
      /inhibit_rules\[0\]\.equal has .*, it must be a label name/,
    );
  });
}

test("Routes nested too deep are refused", () => {
  const nest = (depth: number): string =>
    `{ receiver: a, routes: [${depth === 0 ? "" : nest(depth - 1)}] }`;
  assert.throws(() => parseConfig(`route: ${nest(40)}\nreceivers: [{ name: a }]`), /nested deeper/);
});
