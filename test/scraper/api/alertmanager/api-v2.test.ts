import assert from "node:assert/strict";
import { jsonPieces } from "../../../../scraper/api/http/json-pieces.js";
import { NEVER_PAUSE } from "../../../../scraper/storage/model/querier.js";
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, test } from "node:test";
import type { ApiError } from "../../../../scraper/api/http/api-errors.js";
import {
  deleteSilence,
  getSilence,
  listAlertGroups,
  listAlerts,
  listReceivers,
  listSilences,
  parseAlertQuery,
  postSilence,
  status,
} from "../../../../scraper/api/alertmanager/api-v2.js";
import { decodePostedAlerts } from "../../../../scraper/api/alertmanager/posted-alerts.js";
import { decodePostedSilence } from "../../../../scraper/api/alertmanager/posted-silence.js";
import { alertmanagerMinor, peerEnvironment } from "../../../support/peers.js";
import {
  parseConfig,
  startHarness,
  type Harness,
} from "../../alerting/dispatch/dispatcher-harness.js";

/** The first versions with a field. */
const MUTED_BY_SINCE = 28;
const RECEIVER_LABELS_SINCE = 33;
const CONFIG = `
route: { receiver: team, group_by: [alertname], routes: [{ matchers: ['severity="critical"'], receiver: pager, continue: true }] }
receivers: [{ name: team }, { name: pager, webhook_configs: [{ url: "http://127.0.0.1:1/hook" }] }]
inhibit_rules: [{ source_matchers: ['severity="critical"'], target_matchers: ['severity="warning"'], equal: [alertname] }]
`;
const ALERTS = [
  {
    labels: { alertname: "A", instance: "p1", severity: "critical" },
    annotations: { summary: "hi <b>" },
    generatorURL: "http://g/x?a=1&b=2",
  },
  { labels: { alertname: "A", instance: "p2", severity: "warning" } },
  {
    labels: { alertname: "B", instance: "p2" },
    startsAt: "2026-01-12T15:00:00.5+01:00",
    endsAt: "2098-01-01T00:00:00Z",
  },
  { labels: { alertname: "Gone" }, endsAt: "2020-01-01T00:00:00Z" },
];
const SILENCE = {
  matchers: [
    { name: "instance", value: "p2|p3", isRegex: true, isEqual: true },
    { name: "alertname", value: "B", isRegex: false },
  ],
  startsAt: "2026-01-01T00:00:00.000Z",
  endsAt: "2097-01-01T00:00:00.000Z",
  createdBy: "me",
  comment: "why",
};

/** Since 0.33, a filter of silences is one of their matchers, and not a condition on their values. */
const SILENCE_FILTERS =
  alertmanagerMinor() < 33
    ? []
    : [
        'instance=~"p2|p3"',
        'instance=~"p2"',
        'instance="p2"',
        'instance!~"p2|p3"',
        "alertname!=B",
        "alertname=~B",
        "alertname!=C",
        '"alertname"=B',
        'x=""',
        "x!=a",
      ];

const everything = parseAlertQuery(new URLSearchParams());
type Json = Record<string, unknown>;

async function startOurs(): Promise<Harness> {
  const harness = await startHarness(parseConfig(CONFIG));
  const options = { nowMs: harness.clock.wallMs(), resolveTimeoutMs: 300_000 };
  await harness.dispatcher.receive(decodePostedAlerts(JSON.stringify(ALERTS), options));
  return harness;
}

describe("The answers have the shape of a real Alertmanager's", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "pihealth-alertmanager-"));
  let real: ChildProcess;
  let baseUrl: string;
  let ours: Harness;

  before(async () => {
    writeFileSync(path.join(folder, "am.yml"), CONFIG);
    real = spawn(
      "prometheus-alertmanager",
      [
        `--config.file=${path.join(folder, "am.yml")}`,
        `--storage.path=${folder}/data`,
        "--web.listen-address=127.0.0.1:0",
        "--cluster.listen-address=",
      ],
      { stdio: ["ignore", "ignore", "pipe"], env: peerEnvironment() },
    );
    baseUrl = await addressOf(real);
    await post("alerts", ALERTS);
    await post("silences", SILENCE);
    ours = await startOurs();
    await postSilence(ours.dispatcher, decodePostedSilence(JSON.stringify(SILENCE)));
  });
  after(() => {
    real.kill();
    rmSync(folder, { recursive: true, force: true });
  });

  const post = async (name: string, body: unknown): Promise<void> => {
    const response = await fetch(`${baseUrl}/api/v2/${name}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    assert.equal(response.status, 200, await response.text());
  };
  const get = async (name: string): Promise<unknown> =>
    (await fetch(`${baseUrl}/api/v2/${name}`)).json();

  for (const { name, answer } of [
    { name: "alerts", answer: () => listAlerts(ours.dispatcher, everything, NEVER_PAUSE) },
    {
      name: "alerts?filter=severity%3D~%22.%2B%22&receiver=t.*",
      answer: () =>
        listAlerts(
          ours.dispatcher,
          parseAlertQuery(new URLSearchParams("filter=severity%3D~%22.%2B%22&receiver=t.*")),
          NEVER_PAUSE,
        ),
    },
    {
      name: "alerts?silenced=false&inhibited=false",
      answer: () =>
        listAlerts(
          ours.dispatcher,
          parseAlertQuery(new URLSearchParams("silenced=false&inhibited=false")),
          NEVER_PAUSE,
        ),
    },
    {
      name: "alerts?active=false",
      answer: () => listAlerts(ours.dispatcher, { ...everything, active: false }, NEVER_PAUSE),
    },
    {
      name: "alerts/groups",
      answer: () => listAlertGroups(ours.dispatcher, everything, NEVER_PAUSE),
    },
    { name: "silences", answer: () => listSilences(ours.dispatcher, []) },
    {
      name: "silences?filter=alertname%3DB",
      answer: () => listSilences(ours.dispatcher, ["alertname=B"]),
    },
    {
      name: "silences?filter=alertname%3DC",
      answer: () => listSilences(ours.dispatcher, ["alertname=C"]),
    },
    ...SILENCE_FILTERS.map((filter) => ({
      name: `silences?filter=${encodeURIComponent(filter)}`,
      answer: () => listSilences(ours.dispatcher, [filter]),
    })),
    { name: "receivers", answer: () => listReceivers(ours.dispatcher) },
    {
      name: "status",
      answer: () => status(ours.dispatcher, { version: "0.25.0", nodeVersion: "x" }),
    },
  ]) {
    test(name, async () => {
      const wanted = withoutVariables(await get(name));
      const own: unknown = JSON.parse(
        [...jsonPieces(await Promise.resolve<unknown>(answer()))].join(""),
      );
      assert.deepEqual(asInVersion(alertmanagerMinor(), withoutVariables(own)), wanted);
    });
  }
});

/** Leaves out the fields that the peer's version does not have yet. */
function asInVersion(minor: number, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => asInVersion(minor, item));
  if (typeof value !== "object" || value === null) return value;
  const isReceiver = "name" in value && "labels" in value;
  const entries = Object.entries(value).filter(
    ([name]) =>
      !(name === "mutedBy" && minor < MUTED_BY_SINCE) &&
      !(isReceiver && name === "labels" && minor < RECEIVER_LABELS_SINCE),
  );
  return Object.fromEntries(entries.map(([name, item]) => [name, asInVersion(minor, item)]));
}

/** Times, ids and versions are replaced by their form. */
function withoutVariables(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutVariables);
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).map(([name, item]) => [
      name,
      ["original", "versionInfo"].includes(name) ? typeof item : withoutVariables(item),
    ]);
    return Object.fromEntries(entries);
  }
  if (typeof value !== "string") return value;
  return value
    .replace(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(Z|[+-]\d\d:\d\d)$/, "<time>") // Ours are always UTC.
    .replace(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/, "<uuid>");
}

/** The address a program says it listens on. */
function addressOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    const lines: string[] = [];
    child.once("error", reject);
    child.once("exit", (code) =>
      reject(new Error(`alertmanager ended with ${code}: ${lines.join("\n")}`)),
    );
    createInterface({ input: child.stderr ?? process.stdin }).on("line", (line) => {
      lines.push(line);
      const address = /msg="?Listening on"? address=(\S+)/.exec(line)?.[1];
      if (address !== undefined) resolve(`http://${address}`);
    });
  });
}

for (const { name, body, expectedStatus, message } of [
  { name: "rubbish", body: "rubbish", expectedStatus: 400, message: /not JSON/ },
  { name: "an object", body: "{}", expectedStatus: 400, message: /must be a list/ },
  {
    name: "no labels",
    body: "[{}]",
    expectedStatus: 422,
    message: /0\.labels in body is required/,
  },
  {
    name: "empty labels",
    body: '[{"labels":{"a":""}}]',
    expectedStatus: 400,
    message: /at least one label pair required/,
  },
  {
    name: "a label without a name",
    body: '[{"labels":{"":"x"}}]',
    expectedStatus: 400,
    message: /invalid name ""/,
  },
  {
    name: "a label of another type",
    body: '[{"labels":{"a":1}}]',
    expectedStatus: 400,
    message: /\[0\]\.labels\.a is 1, it must be a text/,
  },
  {
    name: "not a time",
    body: '[{"labels":{"a":"x"},"startsAt":"gestern"}]',
    expectedStatus: 400,
    message: /\[0\]\.startsAt/,
  },
  {
    name: "a time out of range",
    body: '[{"labels":{"a":"x"},"startsAt":"2026-13-41T99:00:00Z"}]',
    expectedStatus: 400,
    message: /\[0\]\.startsAt/,
  },
  {
    name: "end before start",
    body: '[{"labels":{"a":"x"},"startsAt":"2030-01-01T00:00:00Z","endsAt":"2020-01-01T00:00:00Z"}]',
    expectedStatus: 400,
    message: /start time must be before end time/,
  },
  {
    name: "a link that runs code",
    body: '[{"labels":{"a":"x"},"generatorURL":"javascript:alert(1)"}]',
    expectedStatus: 422,
    message: /of type uri/,
  },
  {
    name: "a value too long",
    body: JSON.stringify([{ labels: { a: "x".repeat(5000) } }]),
    expectedStatus: 400,
    message: /longer than 4096/,
  },
  {
    name: "too many labels",
    body: JSON.stringify([
      { labels: Object.fromEntries(Array.from({ length: 65 }, (_, n) => [`l${n}`, "x"])) },
    ]),
    expectedStatus: 400,
    message: /at most 64/,
  },
  {
    name: "too many alerts",
    body: JSON.stringify(Array.from({ length: 5001 }, () => ({}))),
    expectedStatus: 413,
    message: /at most 5000/,
  },
  {
    name: "label names of any UTF-8 text, as since 0.27",
    body: '[{"labels":{"a-b":"x","größe m":"y"}}]',
    expectedStatus: 0,
    message: /^$/,
  },
  {
    name: "a prototype as label",
    body: '[{"labels":{"__proto__":"x"}}]',
    expectedStatus: 0,
    message: /^$/,
  },
]) {
  test(`Posted alerts are refused as a whole: ${name}`, () => {
    const decode = (): unknown => decodePostedAlerts(body, { nowMs: 0, resolveTimeoutMs: 1 });
    if (expectedStatus === 0) assert.doesNotThrow(decode);
    else
      assert.throws(
        decode,
        (error: ApiError) => error.status === expectedStatus && message.test(error.message),
      );
  });
}

test("An alert without times starts now and ends by timeout; a start alone before now is kept", () => {
  const [alert, ended] = decodePostedAlerts(
    '[{"labels":{"a":"x"},"endsAt":"0001-01-01T00:00:00Z"},{"labels":{"a":"y"},"endsAt":"2020-01-01T00:00:00Z"}]',
    { nowMs: 1e12, resolveTimeoutMs: 500 },
  );
  assert.deepEqual(
    [alert?.startsAtMs, alert?.endsAtMs, alert?.endsByTimeout],
    [1e12, 1e12 + 500, true],
  );
  assert.deepEqual([ended?.startsAtMs, ended?.endsByTimeout], [1e12, false]);
});

for (const { name, change, expectedStatus, message } of [
  {
    name: "no comment",
    change: { comment: undefined },
    expectedStatus: 422,
    message: /comment in body is required/,
  },
  {
    name: "no matchers",
    change: { matchers: [] },
    expectedStatus: 422,
    message: /at least 1 items/,
  },
  {
    name: "matches everything",
    change: { matchers: [{ name: "a", value: ".*", isRegex: true, isEqual: true }] },
    expectedStatus: 400,
    message: /must not match the empty string/,
  },
  {
    name: "bad expression",
    change: { matchers: [{ name: "a", value: "(", isRegex: true }] },
    expectedStatus: 400,
    message: /regular expression/,
  },
  {
    name: "ends before it starts",
    change: { endsAt: "2020-01-01T00:00:00Z" },
    expectedStatus: 400,
    message: /start time must be before end time/,
  },
  {
    name: "ended already",
    change: { startsAt: "2019-01-01T00:00:00Z", endsAt: "2020-01-01T00:00:00Z" },
    expectedStatus: 400,
    message: /in the past/,
  },
  {
    name: "unknown id",
    change: { id: "3fa85f64-5717-4562-b3fc-2c963f66afa6" },
    expectedStatus: 404,
    message: /silence not found/,
  },
  {
    name: "isRegex missing",
    change: { matchers: [{ name: "a", value: "b" }] },
    expectedStatus: 422,
    message: /matchers\.0\.isRegex in body is required/,
  },
]) {
  test(`A posted silence is refused: ${name}`, async () => {
    const { dispatcher } = await startOurs();
    const attempt = async (): Promise<object> =>
      postSilence(dispatcher, decodePostedSilence(JSON.stringify({ ...SILENCE, ...change })));
    await assert.rejects(
      attempt,
      (error: ApiError) => error.status === expectedStatus && message.test(error.message),
    );
    assert.equal(dispatcher.silences.list().length, 0);
  });
}

test("A silence is updated in place if the change does not alter the past, and replaced otherwise", async () => {
  const { dispatcher, clock } = await startOurs();
  const set = async (change: Json): Promise<string> => {
    const posted = { ...SILENCE, startsAt: new Date(clock.wallMs()).toISOString(), ...change };
    const body = decodePostedSilence(JSON.stringify(posted));
    return (await postSilence(dispatcher, body)).silenceID;
  };
  const id = await set({});
  const startsAt = getSilence(dispatcher, id).startsAt;
  await clock.advance(1000);
  assert.equal(await set({ id, startsAt, comment: "longer", endsAt: "2098-01-01T00:00:00Z" }), id);
  const other = await set({
    id,
    startsAt,
    matchers: [{ name: "alertname", value: "A", isRegex: false }],
  });
  assert.notEqual(other, id);
  const states = listSilences(dispatcher, []).map(({ status: { state } }) => state);
  assert.deepEqual(states, ["active", "expired"]);
  await deleteSilence(dispatcher, other);
  await deleteSilence(dispatcher, other);
  assert.equal(getSilence(dispatcher, other).status.state, "expired");
  assert.throws(
    () => getSilence(dispatcher, "../../etc/passwd"),
    (error: ApiError) => error.status === 422,
  );
  await assert.rejects(
    deleteSilence(dispatcher, "3fa85f64-5717-4562-b3fc-2c963f66afa6"),
    (error: ApiError) => error.status === 404,
  );
});

test("Query parameters that are not acceptable are refused", async () => {
  const { dispatcher } = await startOurs();
  assert.throws(
    () => parseAlertQuery(new URLSearchParams("active=maybe")),
    (error: ApiError) => error.status === 400,
  );
  for (const query of ["filter=foo", "filter={a=b}", "filter=a=b}", "receiver=("]) {
    const parsed = parseAlertQuery(new URLSearchParams(query));
    await assert.rejects(
      () => listAlerts(dispatcher, parsed, NEVER_PAUSE),
      (error: ApiError) => error.status === 400,
    );
  }
});
