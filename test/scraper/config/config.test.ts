import assert from "node:assert/strict";
import { test } from "node:test";
import { alertmanagersOf } from "../../../scraper/alerting/config/alertmanagers-config.js";
import {
  loadScraperConfig,
  parseScraperConfig,
  renderConfig,
  type ScraperConfig,
} from "../../../scraper/config/config.js";
import { defaultConfigText } from "../../../scraper/config/default-config.js";
import { MemoryFiles } from "../../support/memory-files.js";

const FILE = "/etc/pihealth/pihealthd.yml";
const parse = (text: string, files = new MemoryFiles()): Promise<ScraperConfig> =>
  parseScraperConfig(text, FILE, files);
const parseJob = (keys: string): Promise<ScraperConfig> =>
  parse(`scrape_configs:\n  - job_name: pi\n${keys.replace(/^/gm, "    ")}\n`);

test("An empty file is a configuration of defaults", async () => {
  const config = await parse("");
  assert.equal(config.global.intervalMs, 15_000);
  assert.equal(config.global.timeoutMs, 10_000);
  assert.equal(config.pools, 5);
  assert.equal(config.storage.path, "/etc/pihealth/data");
  assert.equal(config.rules.missingData, "keep");
  assert.deepEqual(config.web, {
    listenAddress: "127.0.0.1",
    port: 8730,
    configFile: undefined,
    externalUrl: undefined,
    enableAdminApi: false,
  });
  assert.deepEqual(config.scrapeConfigs, []);
});

test("The documented example is read, with paths relative to the file", async () => {
  const config = await parse(`
scrape_configs:
  - job_name: pi
    range_sd_configs:
      - hosts: [192.168.1.10-192.168.1.60, 10.0.7.0/24, pi1..pi12.lan]
        port: 8732
pools: 5
storage: { path: /var/lib/pihealth, retention: { time: 90d, size: 8GiB } }
rule_files: [rules/*.yml]
notifications: { config: alertmanager.yml }
fleet: { token_file: /etc/pihealth/token }
`);
  assert.deepEqual(
    config.scrapeConfigs[0]?.ranges[0]?.hosts.map(({ size }) => size),
    [51, 254, 12],
  );
  assert.deepEqual(config.rulePatterns, ["/etc/pihealth/rules/*.yml"]);
  assert.equal(config.notificationsFile, "/etc/pihealth/alertmanager.yml");
  assert.equal(config.storage.path, "/var/lib/pihealth");
  assert.equal(config.web.listenAddress, "0.0.0.0", "with a token, heartbeats must reach it");
});

test("A usual prometheus.yml is read", async () => {
  const files = new MemoryFiles();
  files.put("/etc/pihealth/scrape.pw", "s3cret\n");
  const config = await parse(
    `
global:
  scrape_interval: 30s # how often
  evaluation_interval: 1m
  external_labels: {site: attic, replica: 1}
alerting:
  alert_relabel_configs: [{regex: replica, action: labeldrop}]
  alertmanagers:
    - path_prefix: /am/
      timeout: 5s
      static_configs: [{targets: ["alertmanager:9093", "10.0.0.2:9093"]}]
rule_files: ["first.rules", "/srv/rules/*.yml"]
scrape_configs:
  - job_name: prometheus
    static_configs:
      - targets: ["localhost:9090"]
  - job_name: node
    scrape_interval: 5s
    honor_labels: true
    honor_timestamps: no
    metrics_path: /node/metrics
    scheme: https
    params: {module: [a, b], "collect[]": [cpu]}
    basic_auth: {username: prom, password_file: scrape.pw}
    tls_config: {insecure_skip_verify: true, server_name: nodes}
    sample_limit: 1000
    body_size_limit: 10MB
    label_limit: 30
    label_name_length_limit: 200
    label_value_length_limit: 400
    target_limit: 50
    follow_redirects: true
    enable_http2: true
    file_sd_configs: [{files: ["targets/*.json", extra.yml], refresh_interval: 1m}]
    http_sd_configs: [{url: "http://sd.lan/targets", refresh_interval: 30s}]
    relabel_configs:
      - {source_labels: [__address__], regex: '(.*):\\d+', target_label: host}
    metric_relabel_configs: [{source_labels: [__name__], regex: go_.*, action: drop}]
`,
    files,
  );
  const [prometheus, node] = config.scrapeConfigs;
  assert.equal(prometheus?.settings.intervalMs, 30_000);
  assert.equal(prometheus.settings.timeoutMs, 10_000);
  assert.equal(node?.settings.intervalMs, 5000);
  assert.equal(node.settings.timeoutMs, 5000, "the default timeout follows a shorter interval");
  assert.equal(
    node.settings.headers["Authorization"],
    `Basic ${Buffer.from("prom:s3cret").toString("base64")}`,
  );
  assert.deepEqual(node.settings.connection.tls, { serverName: "nodes", insecureSkipVerify: true });
  assert.deepEqual(node.params, { module: ["a", "b"], "collect[]": ["cpu"] });
  assert.equal(node.settings.bodySizeLimitBytes, 10 * 1024 * 1024);
  assert.equal(node.targetLimit, 50);
  assert.deepEqual(node.discoveries.files[0]?.patterns, [
    "/etc/pihealth/targets/*.json",
    "/etc/pihealth/extra.yml",
  ]);
  assert.deepEqual(
    config.alerting.alertmanagers.flatMap(
      (group) => alertmanagersOf(group, group.staticGroups).active,
    ),
    ["http://alertmanager:9093/am/api/v2/alerts", "http://10.0.0.2:9093/am/api/v2/alerts"],
  );
  assert.deepEqual(config.global.externalLabels.toObject(), { replica: "1", site: "attic" });
});

test("Limits of global apply to jobs without their own", async () => {
  const config = await parse(
    "global: {sample_limit: 7, body_size_limit: 1KB}\nscrape_configs: [{job_name: a}, {job_name: b, sample_limit: 9}]",
  );
  assert.deepEqual(
    config.scrapeConfigs.map(({ settings }) => settings.sampleLimit),
    [7, 9],
  );
  assert.deepEqual(
    config.scrapeConfigs.map(({ settings }) => settings.bodySizeLimitBytes),
    [1024, 1024],
  );
});

const BILLION_LAUGHS = `a: &a [x,x,x,x,x,x,x,x,x]\n${["b", "c", "d", "e", "f", "g", "h", "i"]
  .map((name, index) => `${name}: &${name} [${Array(9).fill(`*${"abcdefgh"[index]}`).join(",")}]`)
  .join("\n")}\n`;

for (const { name, text, message } of [
  {
    name: "not YAML",
    text: "scrape_configs: [",
    message: /Cannot load "\/etc\/pihealth\/pihealthd.yml", line 1: /,
  },
  {
    name: "a tab for indentation",
    text: "global:\n\tscrape_interval: 15s\n",
    message: /line 2: .*[Tt]abs/,
  },
  {
    name: "a list at the top",
    text: "- job_name: a\n",
    message: /the file is a list, it must be a mapping/,
  },
  {
    name: "a text at the top",
    text: "hello\n",
    message: /the file is "hello", it must be a mapping/,
  },
  { name: "a key twice", text: "pools: 5\npools: 4\n", message: /line 2: .*unique/ },
  { name: "an alias bomb", text: BILLION_LAUGHS, message: /[Ee]xcessive alias/ },
  { name: "an alias of nothing", text: "global: *nothing\n", message: /Unresolved alias/ },
  {
    name: "ten megabytes",
    text: `# ${"x".repeat(10_000_000)}\n`,
    message: /it is larger than 1048576 bytes/,
  },
  {
    name: "ten thousand nested lists",
    text: `pools: ${"[".repeat(10_000)}\n`,
    message: /Cannot load/,
  },
  {
    name: "an unknown key",
    text: "\nscrape_config: []\n",
    message: /line 2: key scrape_config is not a known key, the keys here are alerting, /,
  },
  {
    name: "an unknown key in global",
    text: "global:\n  interval: 5s\n",
    message: /line 2: key global\.interval is not a known key/,
  },
  {
    name: "a wrong type",
    text: "global: [1]\n",
    message: /key global is a list, it must be a mapping/,
  },
  {
    name: "jobs that are no list",
    text: "scrape_configs: {job_name: a}\n",
    message: /key scrape_configs is a mapping, it must be a list/,
  },
  {
    name: "a job that is no mapping",
    text: "scrape_configs: [a]\n",
    message: /key scrape_configs\[0\] is "a", it must be a mapping/,
  },
  {
    name: "a job without a name",
    text: "scrape_configs: [{scheme: http}]\n",
    message: /key scrape_configs\[0\] key "job_name" is missing, it is required/,
  },
  {
    name: "two jobs of one name",
    text: "scrape_configs:\n- job_name: a\n- job_name: b\n- job_name: a\n",
    message: /line 4: key scrape_configs\[2\]\.job_name is "a" a second time, it must be unique/,
  },
  {
    name: "a bad duration",
    text: "global: {scrape_interval: 15}\n",
    message:
      /key global\.scrape_interval Cannot read duration "15": it must be integers with units/,
  },
  {
    name: "an interval of a millisecond",
    text: "global: {scrape_interval: 1ms}\n",
    message: /scrape_interval is 1ms, it must be at least 100ms/,
  },
  {
    name: "a timeout longer than the interval",
    text: "global: {scrape_interval: 15s, scrape_timeout: 20s}\n",
    message: /scrape_timeout is 20s, it must be at most scrape_interval \(15s\)/,
  },
  { name: "pools", text: "pools: 6\n", message: /key pools is 6, it must be a number from 1 to 5/ },
  {
    name: "a part of a pool",
    text: "pools: 2.5\n",
    message: /pools is 2\.5, it must be a whole number/,
  },
  {
    name: "remote_write",
    text: "remote_write: [{url: x}]\n",
    message: /line 1: key remote_write is not supported yet, it must be left out/,
  },
  {
    name: "a bad external label",
    text: "global: {external_labels: {'': c}}\n",
    message: /external_labels holds "", it must be label names/,
  },
  {
    name: "a rule pattern over folders",
    text: "rule_files: ['*/x.yml']\n",
    message: /rule_files holds "\*\/x\.yml", it must be paths with \* in their last part only/,
  },
  {
    name: "a listen address with a port",
    text: "web: {listen_address: '0.0.0.0:80'}\n",
    message: /web\.listen_address is "0\.0\.0\.0:80", it must be an IP address/,
  },
  {
    name: "an external URL without a scheme",
    text: "web: {external_url: pihealth.lan}\n",
    message: /external_url is "pihealth.lan", it must be like http/,
  },
  {
    name: "a log level",
    text: "log: {level: loud}\n",
    message: /log\.level is "loud", it must be one of error, warn, info, debug/,
  },
  {
    name: "missing_data",
    text: "rules: {missing_data: drop}\n",
    message: /missing_data is "drop", it must be one of keep, resolve/,
  },
  {
    name: "too many candidates",
    text: "scrape_configs: [{job_name: a, range_sd_configs: [{hosts: 10.0.0.0/8}]}]\n",
    message:
      /key scrape_configs has range_sd_configs with 16777214 candidates, it must be at most discovery\.max_candidates \(65536\)/,
  },
  {
    name: "retries that get faster",
    text: "discovery: {retry_first: 2h}\n",
    message: /retry_last is shorter than retry_first/,
  },
  {
    name: "a probe rate of nothing",
    text: "discovery: {probe_rate: 0}\n",
    message: /probe_rate is 0, it must be a number from 1 to 10000/,
  },
  {
    name: "logs of a few bytes",
    text: "host_logs: {max_size: 10B}\n",
    message: /max_size is too small/,
  },
  {
    name: "a boolean",
    text: "host_logs: {enabled: maybe}\n",
    message: /host_logs\.enabled is "maybe", it must be true or false/,
  },
  {
    name: "a host log with a folder in its name",
    text: "host_logs: {file_names: {memory: ../memory.log}}\n",
    message: /file_names\.memory .*it must be a file name that ends in \.log/,
  },
  {
    name: "two host logs with one name",
    text: "host_logs: {file_names: {alarms: cpu.log}}\n",
    message: /alarms is "cpu\.log", which is the name for cpu, it must be another/,
  },
  {
    name: "an Alertmanager of version 1",
    text: "alerting: {alertmanagers: [{api_version: v1}]}\n",
    message: /api_version is "v1", it must be one of v2/,
  },
]) {
  test(`A configuration is refused with place and reason: ${name}`, async () => {
    await assert.rejects(parse(text), message);
  });
}

for (const { name, keys, message } of [
  {
    name: "a scheme",
    keys: "scheme: ftp",
    message: /line 3: key scrape_configs\[0\]\.scheme is "ftp", it must be one of http, https/,
  },
  {
    name: "a scheme",
    keys: "scheme: ftp",
    message: /scheme is "ftp", it must be one of http, https/,
  },
  {
    name: "a timeout",
    keys: "scrape_interval: 5s\nscrape_timeout: 6s",
    message: /line 4: .*scrape_timeout is 6s, it must be at most scrape_interval \(5s\)/,
  },
  {
    name: "a negative limit",
    keys: "sample_limit: -1",
    message: /sample_limit is -1, it must be a number of at least 0/,
  },
  {
    name: "a size",
    keys: "body_size_limit: big",
    message: /body_size_limit Cannot read size "big"/,
  },
  {
    name: "two ways to authenticate",
    keys: "basic_auth: {username: a}\nbearer_token: t",
    message: /bearer_token is given beside basic_auth, it must be only one/,
  },
  {
    name: "a password twice",
    keys: "basic_auth: {password: a, password_file: b}",
    message: /password_file is given beside password/,
  },
  {
    name: "basic as a type",
    keys: "authorization: {type: Basic, credentials: x}",
    message: /it must be an authentication scheme other than basic/,
  },
  {
    name: "a secret that is not there",
    keys: "bearer_token_file: /no/such",
    message: /key scrape_configs\[0\]\.bearer_token_file Cannot read "\/no\/such": ENOENT/,
  },
  {
    name: "a certificate without key",
    keys: "tls_config: {cert_file: a}",
    message: /cert_file is given alone, certificate and key must be given together/,
  },
  {
    name: "Kubernetes",
    keys: "kubernetes_sd_configs: [{role: pod}]",
    message: /kubernetes_sd_configs is not supported yet/,
  },
  { name: "OAuth", keys: "oauth2: {client_id: a}", message: /oauth2 is not supported yet/ },
  {
    name: "a URL as a target",
    keys: "static_configs: [{targets: ['http://pi1:8732/metrics']}]",
    message: /targets holds "http:\/\/pi1:8732\/metrics", it must be host or host:port/,
  },
  {
    name: "a label that is none",
    keys: "static_configs: [{targets: [a], labels: {'': c}}]",
    message: /labels holds ""/,
  },
  {
    name: "a range",
    keys: "range_sd_configs: [{hosts: [10.0.0.9-10.0.0.1]}]",
    message:
      /range_sd_configs\[0\]\.hosts Cannot read range "10\.0\.0\.9-10\.0\.0\.1": the last address/,
  },
  {
    name: "a range of nothing",
    keys: "range_sd_configs: [{hosts: []}]",
    message: /hosts is empty, it must name at least one/,
  },
  {
    name: "a port of a range",
    keys: "range_sd_configs: [{hosts: [a], port: 0}]",
    message: /port is 0, it must be a number from 1 to 65535/,
  },
  {
    name: "a discovery file",
    keys: "file_sd_configs: [{files: [targets.txt]}]",
    message: /files holds "targets\.txt", it must end in \.json, \.yml or \.yaml/,
  },
  {
    name: "a pattern over folders",
    keys: "file_sd_configs: [{files: ['*/a.json']}]",
    message: /with \* in its last part only/,
  },
  {
    name: "a discovery URL",
    keys: "http_sd_configs: [{url: 'file:///etc/passwd'}]",
    message: /url is no URL, it must begin with http/,
  },
  {
    name: "a relabelling",
    keys: "metric_relabel_configs: [{action: keep, regex: '['}]",
    message:
      /metric_relabel_configs\[0\]\.regex is "\[", it must be a regular expression in RE2 syntax/,
  },
]) {
  test(`A scrape config is refused with place and reason: ${name}`, async () => {
    await assert.rejects(parseJob(keys), message);
  });
}

const SECRETS = `
scrape_configs:
  - job_name: a
    basic_auth: {username: u, password: hunter2a}
    params: {token: [hunter2b], module: [shown]}
  - job_name: b
    authorization: {credentials: hunter2c}
    tls_config: {cert: PEM, key: hunter2d}
  - job_name: c
    bearer_token: hunter2e
    static_configs: [{targets: [a], labels: {key: shown}}]
    http_sd_configs: [{url: "http://x/", basic_auth: {password: hunter2f}}]
alerting: {alertmanagers: [{basic_auth: {username: u, password: hunter2g}}]}
`;

test("The configuration is shown as in the file, without secrets", async () => {
  const shown = renderConfig(await parse(SECRETS));
  assert.doesNotMatch(shown, /hunter2/);
  assert.equal(shown.match(/<secret>/g)?.length, 7);
  assert.match(shown, /username: u\n/);
  assert.match(shown, /key: shown/);
  assert.match(shown, /- shown/);
});

for (const { name, text } of [
  {
    name: "a mapping where a text must be",
    text: "scrape_configs: [{job_name: a, basic_auth: {password: {x: hunter2}}}]",
  },
  {
    name: "a list where a text must be",
    text: "scrape_configs: [{job_name: a, bearer_token: [hunter2]}]",
  },
  {
    name: "a text where a mapping must be",
    text: "scrape_configs: [{job_name: a, basic_auth: 'u:hunter2'}]",
  },
  {
    name: "a URL with a password",
    text: "scrape_configs: [{job_name: a, http_sd_configs: [{url: 'http://u:hunter2@x/'}]}]",
  },
  {
    name: "a secret that is no header",
    text: 'scrape_configs: [{job_name: a, bearer_token: "hunter2\\u0000"}]',
  },
  {
    name: "a syntax error after it",
    text: "scrape_configs: [{job_name: a, bearer_token: hunter2}\n  x: [",
  },
  {
    name: "a quote that does not end",
    text: 'scrape_configs: [{job_name: a, bearer_token: "hunter2',
  },
  {
    name: "a text after the quote",
    text: 'scrape_configs:\n- job_name: a\n  bearer_token: "a" hunter2\n',
  },
  { name: "bad escape", text: 'scrape_configs:\n- job_name: a\n  bearer_token: "\\q hunter2"\n' },
  {
    name: "an unknown alias",
    text: "scrape_configs:\n- job_name: a\n  bearer_token: {hunter2: 1}}\n",
  },
]) {
  test(`No message shows a secret: ${name}`, async () => {
    await assert.rejects(parse(text), (error: Error) => {
      assert.doesNotMatch(error.message, /hunter2/);
      return true;
    });
  });
}

test("A missing file is named", async () => {
  await assert.rejects(
    loadScraperConfig("/etc/none.yml", new MemoryFiles()),
    /Cannot load "\/etc\/none\.yml": ENOENT/,
  );
});

test("A file that is too large is refused before it is read", async () => {
  const files = new MemoryFiles();
  files.put("/etc/big.yml", "#".repeat(2_000_000));
  files.fault = (operation) => (operation === "read" ? "EIO" : undefined);
  await assert.rejects(
    loadScraperConfig("/etc/big.yml", files),
    /it has 2000000 bytes, it must have at most 1048576/,
  );
});

test("The configuration of a scraper without a file watches its own machine", async () => {
  const text = defaultConfigText({
    dataFolder: "/srv/data",
    rulePatterns: ["/opt/pihealth/rules/*.yml"],
    tokenFile: "/srv/data/token",
  });
  const config = await parse(text);
  assert.deepEqual(
    [...(config.scrapeConfigs[0]?.ranges[0]?.hosts[0]?.hosts() ?? [])],
    ["127.0.0.1"],
  );
  assert.equal(config.scrapeConfigs[0]?.ranges[0]?.port, 8732);
  assert.equal(config.storage.path, "/srv/data");
  assert.equal(config.web.listenAddress, "127.0.0.1");
  assert.equal(config.fleet.tokenFile, "/srv/data/token");
});

for (const { listenAddress, port, target } of [
  { listenAddress: "127.0.0.1", port: undefined, target: "127.0.0.1:8730" },
  { listenAddress: "0.0.0.0", port: 9000, target: "127.0.0.1:9000" },
  { listenAddress: "::", port: 9000, target: "[::1]:9000" },
  { listenAddress: "fd00::1", port: 9000, target: "[fd00::1]:9000" },
]) {
  test(`A scraper without a file that listens on ${listenAddress} watches itself at ${target}`, async () => {
    const options = {
      dataFolder: "/srv/data",
      rulePatterns: [],
      listenAddress,
      ...(port === undefined ? {} : { port }),
    };
    const config = await parse(defaultConfigText(options));
    assert.equal(config.scrapeConfigs[1]?.settings.jobName, "pihealth");
    assert.deepEqual(config.scrapeConfigs[1]?.staticGroups, [
      { targets: [target], labels: {}, isFromRange: false },
    ]);
  });
}

test("external_labels take the environment as Go's os.Expand does, and name empty variables", async () => {
  const expand = async (text: string): Promise<string> => {
    const yaml = `global: {external_labels: {a: ${JSON.stringify(text)}}}`;
    const config = await parseScraperConfig(yaml, FILE, new MemoryFiles(), {
      HOST: "pi1",
      A_1: "x",
    });
    return config.global.externalLabels.get("a");
  };
  for (const [text, expected] of [
    ["${HOST}", "pi1"],
    ["$HOST.lan", "pi1.lan"],
    ["$A_1-$HOST", "x-pi1"],
    ["$$HOST", "$HOST"],
    ["${$}", "$"],
    ["a$", "a$"],
    ["a$ b", "a$ b"],
    ["a${", "a"],
    ["a${}b", "ab"],
    ["a${HOST", "aHOST"],
    ["$1b", "b"],
    ["x${NONE}y", "xy"],
  ] as const) {
    assert.equal(await expand(text), expected, text);
  }
  const config = await parseScraperConfig(
    "global: {external_labels: {a: $NONE, b: c}}",
    FILE,
    new MemoryFiles(),
    {},
  );
  assert.deepEqual(config.global.externalLabels.toObject(), { b: "c" });
  assert.match(config.warnings.join(), /environment variable NONE, which is empty/);
});

test("Keys of Prometheus without an effect here are warnings with their places", async () => {
  const { warnings, scrapeConfigs, global } = await parse(`
global: {keep_dropped_targets: 5, rule_query_offset: 30s}
runtime: {gogc: 50}
otlp: {promote_resource_attributes: [a]}
tracing: {endpoint: "a:4317"}
storage: {tsdb: {out_of_order_time_window: 30m}}
scrape_configs:
  - job_name: a
    metric_name_validation_scheme: utf8
    fallback_scrape_protocol: OpenMetricsText1.0.0
    enable_compression: false
    scrape_protocols: [PrometheusText0.0.4, PrometheusProto, OpenMetricsText1.0.0]
    static_configs: [{targets: ["pi1:70000"]}]
---
other: document
`);
  assert.deepEqual(
    warnings.map((warning) => /: key (\S+)/.exec(warning)?.[1] ?? "document"),
    [
      "document",
      "runtime.gogc",
      "otlp.promote_resource_attributes",
      "tracing",
      "global.keep_dropped_targets",
      "scrape_configs[0].metric_name_validation_scheme",
      "scrape_configs[0].scrape_protocols",
      "scrape_configs[0].static_configs[0].targets",
      "storage.tsdb.out_of_order_time_window",
    ],
  );
  const [job] = scrapeConfigs;
  assert.equal(job?.settings.fallbackFormat, "openmetrics");
  assert.equal(job.settings.usesCompression, false);
  assert.equal(
    job.settings.accept,
    "text/plain;version=0.0.4;q=0.3,application/openmetrics-text;version=1.0.0;q=0.2,*/*;q=0.1",
  );
  assert.equal(global.ruleQueryOffsetMs, 30_000);
});

test("Intervals of 0 are defaults, and a timeout that fits Prometheus' default interval is accepted", async () => {
  const config = await parse(`
global: {scrape_interval: 0s, scrape_timeout: 30s, evaluation_interval: 0s}
scrape_configs: [{job_name: a}, {job_name: b, scrape_interval: 3d, scrape_timeout: 1m, sample_limit: 010}]
`);
  const times = config.scrapeConfigs.map(({ settings: { intervalMs, timeoutMs } }) => [
    intervalMs,
    timeoutMs,
  ]);
  assert.deepEqual(times, [
    [30_000, 30_000],
    [259_200_000, 60_000],
  ]);
  assert.equal(config.global.evaluationIntervalMs, 15_000);
  assert.equal(config.scrapeConfigs[1]?.settings.sampleLimit, 8, "octal, as in Go");
});

test("scrape_config_files add jobs whose files are beside them", async () => {
  const files = new MemoryFiles();
  files.put(
    "/etc/pihealth/jobs/a.yml",
    "scrape_configs: [{job_name: a, file_sd_configs: [{files: [x.json]}]}]",
  );
  files.put("/etc/pihealth/jobs/b.yml", "scrape_configs: [{job_name: b}]");
  const config = await parse(
    "scrape_config_files: [jobs/*.yml, none/*.yml]\nscrape_configs: [{job_name: c}]",
    files,
  );
  assert.deepEqual(
    config.scrapeConfigs.map(({ settings }) => settings.jobName),
    ["c", "a", "b"],
  );
  assert.deepEqual(config.scrapeConfigs[1]?.discoveries.files[0]?.patterns, [
    "/etc/pihealth/jobs/x.json",
  ]);
  assert.match(
    config.warnings.join(),
    /names "\/etc\/pihealth\/none\/\*\.yml", which matches no file/,
  );
  files.put("/etc/pihealth/jobs/c.yml", "scrape_configs: [{job_name: c}]");
  await assert.rejects(
    parse("scrape_config_files: [jobs/*.yml]\nscrape_configs: [{job_name: c}]", files),
    /"c" a second time/,
  );
});
