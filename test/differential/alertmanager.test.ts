import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { assertEvery } from "../support/assert-every.js";
import { ChildProgram, waitFor } from "../support/child-program.js";
import { alertmanagerMinor } from "../support/peers.js";
import { freePort, serveHttp, type LoopbackServer } from "../support/loopback-servers.js";

/**
 * The same alerts and silences go to this scraper and to a real Alertmanager. Their webhooks must get
 * the same messages, group by group. The steps build on each other; each waits for its messages.
 */
const TOKEN = "0123456789abcdef0123456789abcdef";
const HOUR_MS = 3_600_000;
/** Older versions take an empty `group_by` for none at all. */
const EMPTY_LIST = alertmanagerMinor() >= 33 ? "[]" : "[short]";

const configFor = (port: number): string => `
route:
  receiver: main
  group_by: [alertname]
  group_wait: 1s
  group_interval: 2s
  repeat_interval: 1h
  routes:
    - { matchers: [team=~"a|b"], receiver: team, continue: true, group_by: [alertname, host] }
    - { matchers: [team="a"], receiver: quiet }
    - { matchers: [when="muted"], receiver: team, mute_time_intervals: [always], group_by: [when] }
    - { matchers: [when="active"], receiver: team, active_time_intervals: [always], group_by: [when] }
    - { matchers: [when="twice"], receiver: team, active_time_intervals: [never], continue: true, group_by: [when] }
    - { matchers: [when="twice"], receiver: team, mute_time_intervals: [never], group_by: [when] }
    - { matchers: [many="yes"], receiver: "short.x", group_by: ["..."] }
    - { matchers: [short="yes"], receiver: "short.x", group_by: ${EMPTY_LIST} }
receivers:
  - { name: main, webhook_configs: [{ url: "http://127.0.0.1:${port}/main" }] }
  - { name: team, webhook_configs: [{ url: "http://127.0.0.1:${port}/team" }, { url: "http://127.0.0.1:${port}/team2", send_resolved: false }] }
  - { name: quiet, webhook_configs: [{ url: "http://127.0.0.1:${port}/quiet", send_resolved: false }] }
  - { name: "short.x", webhook_configs: [{ url: "http://127.0.0.1:${port}/short", max_alerts: 2 }] }
inhibit_rules:
  - { source_matchers: [severity="critical"], target_matchers: [severity="warning"], equal: [host, rack] }
time_intervals:
  - { name: always, time_intervals: [{ years: ["2000:2999"] }] }
  - { name: never, time_intervals: [{ years: ["2001"] }] }
`;

type Json = Record<string, unknown>;

interface Side {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly program: ChildProgram;
  readonly hook: LoopbackServer;
  /** Messages by path and group. */
  readonly messages: Map<string, Json[]>;
}

const folder = mkdtempSync(path.join(tmpdir(), "pihealth-side-by-side-"));
const sides: Side[] = [];

before(async () => {
  sides.push(await startOurs(), await startReal());
  for (const { url, program } of sides) {
    await waitFor("the API", async () => (await fetch(`${url}/api/v2/status`)).ok || undefined, {
      describe: () => program.text.slice(-3000),
    });
  }
});

after(async () => {
  for (const { program, hook } of sides) {
    await program.stop("SIGKILL");
    await hook.close();
  }
  rmSync(folder, { recursive: true, force: true });
});

async function startOurs(): Promise<Side> {
  const { hook, messages, port } = await startHook("ours");
  writeFileSync(path.join(folder, "token"), TOKEN, { mode: 0o600 });
  const config = `
fleet: { token_file: token }
notifications: { config: ours.yml }
storage: { path: ${folder}/data }
`;
  writeFileSync(path.join(folder, "pihealthd.yml"), config);
  const args = [`--config=${folder}/pihealthd.yml`, `--listen-address=127.0.0.1:${port}`];
  const program = ChildProgram.ofOurs("scraper/program/main.js", args);
  const headers = { authorization: `Bearer ${TOKEN}` };
  return { url: `http://127.0.0.1:${port}`, headers, program, hook, messages };
}

async function startReal(): Promise<Side> {
  const { hook, messages, port } = await startHook("real");
  const program = new ChildProgram("prometheus-alertmanager", [
    `--config.file=${path.join(folder, "real.yml")}`,
    `--storage.path=${folder}/real`,
    `--web.listen-address=127.0.0.1:${port}`,
    "--cluster.listen-address=",
  ]);
  return { url: `http://127.0.0.1:${port}`, headers: {}, program, hook, messages };
}

async function startHook(
  name: string,
): Promise<{ hook: LoopbackServer; messages: Map<string, Json[]>; port: number }> {
  const messages = new Map<string, Json[]>();
  const hook = await serveHttp((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString("utf8")));
    request.on("end", () => {
      const message = readMessage(body);
      const group = `${request.url ?? ""} ${String(message["groupKey"])}`;
      messages.set(group, [...(messages.get(group) ?? []), message]);
      response.end();
    });
  });
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, `${name}.yml`), configFor(hook.port));
  return { hook, messages, port: await freePort() };
}

const isRecord = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const alertsOf = ({ alerts }: Json): Json[] =>
  Array.isArray(alerts) ? alerts.filter(isRecord) : [];

const without = (value: Json, ...names: readonly string[]): Json =>
  Object.fromEntries(Object.entries(value).filter(([name]) => !names.includes(name)));

/** Leaves out addresses and times of reception, and the reason that newer versions add. */
function readMessage(body: string): Json {
  const message: unknown = JSON.parse(body);
  assert.ok(isRecord(message), body);
  const alerts = alertsOf(message).map((alert) => ({
    ...without(alert, "startsAt", "endsAt"),
    isEnded: !String(alert["endsAt"]).startsWith("0001"),
  }));
  return { ...without(message, "externalURL", "notification_reason"), alerts };
}

async function post(name: string, body: unknown): Promise<void> {
  for (const { url, headers } of sides) {
    const answer = await fetch(`${url}/api/v2/${name}`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
    assert.equal(answer.status, 200, await answer.text());
  }
}

const alert = (labels: Record<string, string>, isFiring = true): Json => ({
  labels: { alertname: "A", ...labels },
  annotations: { summary: `about ${labels["host"] ?? "all"}`, same: "yes" },
  generatorURL: "http://prometheus/graph?g0.expr=up&g0.tab=1",
  endsAt: new Date(Date.now() + (isFiring ? HOUR_MS : -1)).toISOString(),
});

/** Waits until every side has a message with the alert in this state at the path. */
function notified(
  hookPath: string,
  [name, value]: [string, string],
  status: string,
): Promise<true> {
  const isWanted = (item: Json): boolean =>
    item["status"] === status && isRecord(item["labels"]) && item["labels"][name] === value;
  const hasMessage = ({ messages }: Side): boolean =>
    [...messages].some(
      ([group, list]) =>
        group.startsWith(`${hookPath} `) &&
        list.some((message) => alertsOf(message).some(isWanted)),
    );
  return waitFor(
    `${status} ${name}=${value} at ${hookPath}`,
    () => sides.every(hasMessage) || undefined,
    { describe: () => JSON.stringify(sides.map(({ messages }) => [...messages.keys()])) },
  );
}

test("Alertmanager and this program send the same messages", async () => {
  await post("alerts", [alert({ host: "2" }), alert({ host: "1" })]);
  await notified("/main", ["host", "1"], "firing");
  await post("alerts", [alert({ host: "0", job: "z" })]);
  await notified("/main", ["host", "0"], "firing");
  await post("alerts", [alert({ host: "2" }, false)]);
  await notified("/main", ["host", "2"], "resolved");

  const matchers = [{ name: "host", value: "s.*", isRegex: true, isEqual: true }];
  const endsAt = new Date(Date.now() + HOUR_MS).toISOString();
  const startsAt = new Date().toISOString();
  await post("silences", { matchers, startsAt, endsAt, createdBy: "test", comment: "test" });
  await post("alerts", [
    alert({ alertname: "S", host: "s1" }),
    alert({ alertname: "S", host: "t1" }),
    alert({ alertname: "I", host: "i1", severity: "critical" }),
    alert({ alertname: "I", host: "i1", severity: "warning" }),
    alert({ alertname: "I", host: "i1", rack: "r", severity: "warning" }),
    alert({ alertname: "I", host: "i2", severity: "warning" }),
    alert({ alertname: "T", team: "a", host: "t" }),
    alert({ alertname: "T", team: "b", host: "t" }),
    alert({ alertname: "W", when: "muted" }),
    alert({ alertname: "W", when: "active" }),
    alert({ alertname: "W", when: "twice" }),
    ...["c", "a", "b"].map((host) => alert({ alertname: "M", short: "yes", host })),
    alert({ alertname: "M", many: "yes", host: "größe" }),
  ]);
  await notified("/main", ["host", "t1"], "firing");
  await notified("/main", ["host", "i2"], "firing");
  await notified("/team", ["when", "twice"], "firing");
  await notified("/quiet", ["team", "a"], "firing");
  await notified("/short", ["many", "yes"], "firing");
  await post("alerts", [
    alert({ alertname: "T", team: "a", host: "t" }, false),
    alert({ alertname: "T", team: "b", host: "t" }, false),
    alert({ alertname: "W", when: "active" }, false),
    alert({ alertname: "S", host: "t1" }, false),
    alert({ alertname: "M", short: "yes", host: "a" }, false),
  ]);
  await notified("/team", ["team", "a"], "resolved");
  await notified("/main", ["host", "t1"], "resolved");
  await notified("/short", ["host", "a"], "resolved");
  await post("alerts", [alert({ alertname: "End", host: "end" })]);
  await notified("/main", ["host", "end"], "firing");

  const [ours, real] = sides.map(({ messages }) =>
    Object.fromEntries([...messages].sort(([left], [right]) => (left < right ? -1 : 1))),
  );
  assertEvery(sides, ({ messages }) => messages.size >= 12);
  assert.deepEqual(ours, real);
});
