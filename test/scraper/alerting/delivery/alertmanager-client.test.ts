import assert from "node:assert/strict";
import { test } from "node:test";
import { JsonFields } from "../../../../exporter/shared/codec/json-fields.js";
import { ConfigSection } from "../../../../exporter/shared/config/config-section.js";
import type {
  HttpRequest,
  HttpResponse,
} from "../../../../exporter/shared/platform/http/http-client.js";
import { Labels } from "../../../../exporter/shared/model/labels.js";
import { silentLogger } from "../../../../exporter/shared/platform/logger.js";
import {
  AlertmanagerClient,
  MAX_QUEUED_ALERTS,
} from "../../../../scraper/alerting/delivery/alertmanager-client.js";
import {
  type AlertmanagerGroup,
  alertmanagersOf,
  parseAlertmanagers,
} from "../../../../scraper/alerting/config/alertmanagers-config.js";
import { FakeClock } from "../../../support/fake-clock.js";
import { MemoryFiles } from "../../../support/memory-files.js";
import { valueOf } from "../../../support/metric-values.js";
import { alertOf } from "../dispatch/dispatcher-harness.js";

const parse = (yaml: string) =>
  parseAlertmanagers(ConfigSection.parse(yaml, "/etc/pihealth/pihealth.yml"), {
    files: new MemoryFiles(),
    folder: "/etc/pihealth",
  });
const TWO = await parse(`
alertmanagers:
  - static_configs: [{ targets: ["am1:9093"] }]
    path_prefix: /alerts
    basic_auth: { username: pi, password: geheim }
  - { scheme: https, static_configs: [{ targets: ["am2:9093"] }], authorization: { credentials_file: token } }
`);
const OK: HttpResponse = { status: 200, headers: {}, body: Buffer.alloc(0) };

async function startClient(
  http: (request: HttpRequest) => Promise<HttpResponse>,
  alertmanagers: readonly AlertmanagerGroup[] = TWO,
) {
  const clock = new FakeClock();
  const files = new MemoryFiles();
  files.put("/etc/pihealth/token", "s3cret\n");
  const requests: HttpRequest[] = [];
  const client = new AlertmanagerClient({
    alertmanagers,
    clock,
    files,
    log: silentLogger,
    http: (request) => {
      requests.push(request);
      return http(request);
    },
  });
  await client.start();
  return { clock, client, files, requests };
}

const alerts = (count: number) =>
  Array.from({ length: count }, (_, n) => alertOf({ alertname: "A", n: String(n) }, 0, 1000));
const AM1 = { alertmanager: "http://am1:9093/alerts/api/v2/alerts" };
const AM2 = { alertmanager: "https://am2:9093/api/v2/alerts" };

test("Alerts go to every Alertmanager in batches of 64, with its credentials", async () => {
  const { clock, client, requests } = await startClient(async () => OK);
  client.send(alerts(100));
  await clock.advance(0);
  await client.stop();
  const toFirst = requests.filter(({ url }) => url === "http://am1:9093/alerts/api/v2/alerts");
  const toSecond = requests.filter(({ url }) => url === "https://am2:9093/api/v2/alerts");
  const sizes = toFirst.map(({ body }) => JsonFields.parseList(String(body), "alerts").length);
  assert.deepEqual(sizes, [64, 36]);
  assert.equal(
    toFirst[0]?.headers?.["Authorization"],
    `Basic ${Buffer.from("pi:geheim").toString("base64")}`,
  );
  assert.equal(toSecond[0]?.headers?.["Authorization"], "Bearer s3cret");
  const posted: unknown = JSON.parse(String(toFirst[0]?.body));
  assert.ok(Array.isArray(posted));
  assert.deepEqual(posted[0], {
    labels: { alertname: "A", n: "0" },
    annotations: { summary: "A is on" },
    startsAt: "1970-01-01T00:00:00.000Z",
    endsAt: "1970-01-01T00:00:01.000Z",
    generatorURL: "http://master:8730/graph?g0.expr=up",
  });
  assert.equal(valueOf(client, "pihealth_forwarded_alerts_total", AM1), 100);
});

test("An Alertmanager that stalls or refuses delays no other, and its queue is limited", async () => {
  const { clock, client } = await startClient((request) =>
    request.url.includes("am1") ? new Promise(() => undefined) : Promise.resolve(OK),
  );
  for (let round = 0; round < 3; round++) {
    client.send(alerts(MAX_QUEUED_ALERTS / 2));
    for (let turn = 0; turn < 40; turn++) await clock.advance(0);
  }
  assert.equal(valueOf(client, "pihealth_forwarded_alerts_total", AM2), 1.5 * MAX_QUEUED_ALERTS);
  assert.equal(valueOf(client, "pihealth_forwarded_alerts_queued", AM1), MAX_QUEUED_ALERTS);
  assert.equal(
    valueOf(client, "pihealth_forwarded_alerts_dropped_total", AM1),
    MAX_QUEUED_ALERTS / 2 - 64,
  );
});

test("Alerts that an Alertmanager refuses are counted and not sent again", async () => {
  const { clock, client, requests } = await startClient(async () => ({ ...OK, status: 500 }));
  client.send(alerts(3));
  await clock.advance(3_600_000);
  await client.stop();
  assert.equal(requests.length, 2);
  assert.equal(valueOf(client, "pihealth_forwarded_alerts_failed_total", AM1), 3);
});

test("Files are looked for in the folder of the configuration, and keys of other programs' HTTP clients are accepted", async () => {
  const [endpoint] = await parse(`
alertmanagers:
  - basic_auth: { username: a, password_file: am.password }
    tls_config: { ca_file: tls/ca.pem }
    follow_redirects: false
    enable_http2: false
    static_configs: [{ targets: ["am:9093"] }]
`);
  assert.deepEqual(endpoint?.client.credentials, {
    scheme: "Basic",
    username: { text: "a" },
    secret: { file: "am.password" },
  });
  assert.deepEqual(endpoint.client.tls.ca, { file: "tls/ca.pem" });
  assert.equal(endpoint.folder, "/etc/pihealth");
});

for (const { name, yaml, message } of [
  { name: "api v1", yaml: "alertmanagers: [{ api_version: v1 }]", message: /must be one of v2/ },
  {
    name: "target with a path",
    yaml: "alertmanagers: [{ static_configs: [{ targets: [am/x] }] }]",
    message: /must be host:port/,
  },
  {
    name: "other discovery",
    yaml: "alertmanagers: [{ kubernetes_sd_configs: [] }]",
    message: /kubernetes_sd_configs is not supported yet/,
  },
  {
    name: "two kinds of credentials",
    yaml: "alertmanagers: [{ basic_auth: { username: a }, authorization: { credentials: b } }]",
    message: /only one of them/,
  },
]) {
  test(`The alerting section is refused: ${name}`, () => assert.rejects(parse(yaml), message));
}

test("Addresses and alerts are relabelled, and a proxy is used, as in Prometheus", async () => {
  const [group] = await parse(`
alertmanagers:
  - static_configs: [{ targets: ["am:9093", "old:9093"], labels: { zone: attic } }]
    proxy_url: http://proxy:3128
    relabel_configs:
      - { source_labels: [__address__], regex: "old.*", action: drop }
      - { source_labels: [zone], target_label: __alerts_path__, replacement: /$1/alerts }
    alert_relabel_configs:
      - { regex: n, action: labeldrop }
      - { source_labels: [alertname], regex: Quiet, action: drop }
`);
  assert.ok(group !== undefined);
  assert.deepEqual(alertmanagersOf(group, group.staticGroups), {
    active: ["http://am:9093/attic/alerts"],
    dropped: ["http://old:9093/api/v2/alerts"],
    invalid: [],
  });
  assert.equal(group.client.proxy?.http, "http://proxy:3128");
  const relabel = group.alertRelabeling;
  assert.deepEqual(relabel(Labels.of({ alertname: "A", n: "1" }))?.toObject(), { alertname: "A" });
  assert.equal(relabel(Labels.of({ alertname: "Quiet" })), undefined);
});

const FOUND = "/etc/pihealth/am/one.json";
const targetsFile = (...targets: string[]) => JSON.stringify([{ targets }]);

test("Alertmanagers are found in files, as targets are, and one that vanishes gets no more alerts", async () => {
  const groups = await parse(`
alertmanagers: [{ file_sd_configs: [{ files: ["am/*.json"], refresh_interval: 30s }] }]
`);
  const { clock, client, files, requests } = await startClient(async () => OK, groups);
  assert.deepEqual(client.urls(), []);
  files.put(FOUND, targetsFile("am1:9093", "am2:9093", "bad/path"));
  await clock.advance(30_000);
  const [first, second] = ["http://am1:9093/api/v2/alerts", "http://am2:9093/api/v2/alerts"];
  assert.deepEqual(client.urls(), [first, second]);
  files.put(FOUND, targetsFile("am2:9093"));
  await clock.advance(30_000);
  client.send(alerts(1));
  await clock.advance(0);
  assert.deepEqual(
    requests.map(({ url }) => url),
    [second],
  );
  await client.stop();
});

test("A new configuration replaces Alertmanagers, and one that stays keeps what waits for it", async () => {
  let isAway = true;
  const stalled = ({ signal }: HttpRequest) =>
    new Promise<never>((_, reject) => {
      signal?.addEventListener("abort", () => reject(new Error("Aborted")));
    });
  const { clock, client, requests } = await startClient(async (request) =>
    isAway ? stalled(request) : OK,
  );
  client.send(alerts(100));
  await clock.advance(0);
  isAway = false;
  const groups = await parse(`
alertmanagers:
  - { scheme: https, static_configs: [{ targets: ["am2:9093", "am3:9093"] }] }
`);
  await client.applyConfig(groups);
  await clock.advance(0);
  assert.deepEqual(client.urls(), [AM2.alertmanager, "https://am3:9093/api/v2/alerts"]);
  assert.equal(valueOf(client, "pihealth_forwarded_alerts_total", AM2), 36);
  assert.equal(requests.at(-1)?.headers?.["Authorization"], undefined);
  await client.stop();
});
