import assert from "node:assert/strict";
import { test } from "node:test";
import { DiscoveryUnderTest, response } from "./discovery-under-test.js";
import { HttpError } from "../../../exporter/shared/platform/http/http-client.js";
import { valueOf } from "../../support/metric-values.js";

const RANGE =
  "scrape_configs: [{job_name: pi, range_sd_configs: [{hosts: [10.0.0.1-10.0.0.9], labels: {room: attic}}]}]";

test("Configured targets are reported before start returns", async () => {
  const parts = new DiscoveryUnderTest();
  await parts.start(
    "scrape_configs: [{job_name: a, static_configs: [{targets: [pi1:8732, '[fd00::1]:9100'], labels: {x: y}}]}]",
  );
  assert.deepEqual(
    parts.notifications.map((targets) =>
      targets.map(({ url, host, port }) => ({ url, host, port })),
    ),
    [
      [
        { url: "http://pi1:8732/metrics", host: "pi1", port: 8732 },
        { url: "http://[fd00::1]:9100/metrics", host: "fd00::1", port: 9100 },
      ],
    ],
  );
  assert.deepEqual(parts.manager.targets()[0]?.labels.toObject(), {
    instance: "pi1:8732",
    job: "a",
    x: "y",
  });
  await parts.manager.stop();
});

test("A range yields the exporters that answer, with its labels, and probes the others at growing intervals", async () => {
  const parts = new DiscoveryUnderTest();
  parts.network.addExporter("10.0.0.3:8732");
  await parts.start(RANGE);
  await parts.clock.advance(3000);
  assert.deepEqual(parts.instances(), ["10.0.0.3:8732"]);
  assert.equal(parts.manager.targets()[0]?.labels.get("room"), "attic");
  assert.deepEqual(parts.progress.at(-1), { candidates: 9, asked: 9, found: 1 });
  const asked = (): number =>
    parts.network.requests.filter(({ url }) => url.includes("10.0.0.1:")).length;
  assert.equal(asked(), 1);
  await parts.clock.advance(60_000);
  assert.equal(asked(), 2);
  await parts.clock.advance(120_000);
  assert.equal(asked(), 3);
  await parts.clock.advance(24 * 3_600_000);
  assert.ok(asked() > 24 && asked() < 35, `${asked()} probes in a day`);
  assert.equal(parts.network.requests.filter(({ url }) => url.includes("10.0.0.3:")).length, 1);
  await parts.manager.stop();
});

test("An exporter that starts later is found by a later probe", async () => {
  const parts = new DiscoveryUnderTest();
  await parts.start(RANGE);
  await parts.clock.advance(3000);
  parts.network.addExporter("10.0.0.7:8732");
  await parts.clock.advance(61_000);
  assert.deepEqual(parts.instances(), ["10.0.0.7:8732"]);
  await parts.manager.stop();
});

for (const { name, answers, isFound } of [
  {
    name: "a node_exporter, which has no health page",
    answers: { "GET /-/healthy": 404, "HEAD /metrics": 200 },
    isFound: true,
  },
  {
    name: "a web server without metrics",
    answers: { "GET /-/healthy": 404, "HEAD /metrics": 404 },
    isFound: false,
  },
  {
    name: "a server that hides everything",
    answers: { "GET /-/healthy": 401, "HEAD /metrics": 401 },
    isFound: false,
  },
]) {
  test(`Probing ${isFound ? "finds" : "passes over"} ${name}`, async () => {
    const parts = new DiscoveryUnderTest();
    for (const [request, status] of Object.entries(answers)) {
      const [method = "", path = ""] = request.split(" ");
      parts.network.answers.set(`${method} http://10.0.0.1:8732${path}`, () =>
        response(status, ""),
      );
    }
    await parts.start("scrape_configs: [{job_name: pi, range_sd_configs: [{hosts: [10.0.0.1]}]}]");
    await parts.clock.advance(3000);
    assert.equal(parts.manager.targets().length, isFound ? 1 : 0);
    await parts.manager.stop();
  });
}

test("Credentials are sent only where a web server answered, and only with the metrics path", async () => {
  const parts = new DiscoveryUnderTest();
  parts.network.answers.set("GET http://10.0.0.1:8732/-/healthy", () => response(404, ""));
  await parts.start(
    "scrape_configs: [{job_name: pi, bearer_token: sesame, range_sd_configs: [{hosts: [10.0.0.1-10.0.0.2]}]}]",
  );
  await parts.clock.advance(3000);
  const withToken = parts.network.requests.filter(
    ({ headers }) => headers?.["Authorization"] !== undefined,
  );
  assert.deepEqual(
    withToken.map(({ method, url }) => `${method} ${url}`),
    ["HEAD http://10.0.0.1:8732/metrics"],
  );
  await parts.manager.stop();
});

test("Probes respect their rate and their bound in flight", async () => {
  const parts = new DiscoveryUnderTest();
  let underWay = 0;
  let most = 0;
  const starts: number[] = [];
  for (let host = 1; host < 255; host++) {
    parts.network.answers.set(`GET http://10.0.0.${host}:8732/-/healthy`, async () => {
      starts.push(parts.clock.monotonicMs());
      most = Math.max(most, ++underWay);
      await parts.clock.sleep(1500);
      underWay--;
      return response(200, "");
    });
  }
  await parts.start(`discovery: {probe_rate: 50, probe_concurrency: 20}
scrape_configs: [{job_name: pi, range_sd_configs: [{hosts: [10.0.0.0/24]}]}]`);
  await parts.clock.advance(60_000);
  assert.equal(parts.instances().length, 254);
  assert.equal(most, 20);
  for (const start of starts) {
    const inSecond = starts.filter((other) => other >= start && other < start + 1000).length;
    assert.ok(inSecond <= 50, `${inSecond} probes in a second`);
  }
  await parts.manager.stop();
});

test("Many finds are reported together, at most once a second", async () => {
  const parts = new DiscoveryUnderTest();
  for (let host = 1; host < 255; host++) parts.network.addExporter(`10.0.0.${host}:8732`);
  await parts.start("scrape_configs: [{job_name: pi, range_sd_configs: [{hosts: [10.0.0.0/24]}]}]");
  await parts.clock.advance(10_000);
  assert.equal(parts.instances().length, 254);
  assert.ok(parts.notifications.length <= 5, `${parts.notifications.length} times`);
  await parts.manager.stop();
});

test("A heartbeat from inside a range adds a target at once, one from outside adds none", async () => {
  const parts = new DiscoveryUnderTest();
  await parts.start(RANGE);
  await parts.clock.advance(3000);
  assert.equal(parts.beat("10.0.0.5"), "accepted");
  assert.equal(parts.beat("10.0.0.10"), "address_not_allowed");
  await parts.clock.advance(0);
  assert.deepEqual(parts.instances(), ["10.0.0.5:8732"]);
  assert.equal(parts.manager.targets()[0]?.discoveredLabels.get("__meta_pihealth_hostname"), "pi1");
  await parts.manager.stop();
});

test("With accept_heartbeats, an exporter outside all ranges announces itself, and stays after a reload", async () => {
  const parts = new DiscoveryUnderTest();
  const config =
    "scrape_configs: [{job_name: pi, range_sd_configs: [{hosts: [127.0.0.1], accept_heartbeats: true}]}]";
  await parts.start(config);
  await parts.clock.advance(3000);
  assert.equal(parts.beat("10.0.0.10"), "accepted");
  await parts.clock.advance(0);
  assert.deepEqual(parts.instances(), ["10.0.0.10:8732"]);
  await parts.manager.applyConfig(await parts.configOf(config));
  assert.deepEqual(parts.instances(), ["10.0.0.10:8732"]);
  await parts.manager.stop();
});

test("A second exporter of a machine, on its own port, is found by its heartbeat", async () => {
  const parts = new DiscoveryUnderTest();
  await parts.start(RANGE);
  await parts.clock.advance(3000);
  parts.beat("10.0.0.5");
  parts.beat("10.0.0.5", "c".repeat(32), 8733);
  await parts.clock.advance(2000);
  assert.deepEqual(parts.instances(), ["10.0.0.5:8732", "10.0.0.5:8733"]);
  await parts.manager.stop();
});

test("Heartbeats of configured targets are accepted and change no target", async () => {
  const parts = new DiscoveryUnderTest();
  parts.network.names.set("pi7.lan", ["10.9.9.7"]);
  await parts.start(
    "scrape_configs: [{job_name: a, static_configs: [{targets: [10.9.9.1:8732, pi7.lan:8732]}]}]",
  );
  await parts.clock.advance(1000);
  assert.equal(parts.beat("10.9.9.1"), "accepted");
  assert.equal(parts.beat("10.9.9.7", "b".repeat(32)), "accepted");
  assert.equal(parts.beat("10.9.9.2", "c".repeat(32)), "address_not_allowed");
  await parts.clock.advance(2000);
  assert.deepEqual(parts.instances(), ["10.9.9.1:8732", "pi7.lan:8732"]);
  await parts.manager.stop();
});

test("A Pi that moves leaves its old address at once", async () => {
  const parts = new DiscoveryUnderTest();
  await parts.start(RANGE);
  parts.beat("10.0.0.1");
  await parts.clock.advance(2000);
  assert.equal(parts.beat("10.0.0.2"), "accepted");
  await parts.clock.advance(2000);
  assert.deepEqual(parts.instances(), ["10.0.0.2:8732"]);
  assert.deepEqual(
    parts.manager.refusedTargets().map(({ address, reason }) => `${address}: ${reason}`),
    ["10.0.0.1:8732: the same Pi is known as 10.0.0.2:8732"],
  );
  await parts.manager.stop();
});

test("A target of a removed job does not become one of a range on its own port", async () => {
  const parts = new DiscoveryUnderTest();
  parts.network.addExporter("10.0.0.5:8732");
  await parts.start(`scrape_configs:
- {job_name: node, static_configs: [{targets: ["10.0.0.5:9100"]}]}
- {job_name: pi, range_sd_configs: [{hosts: [10.0.0.1-10.0.0.9]}]}`);
  await parts.clock.advance(3000);
  parts.fleet.noteSeen("10.0.0.5", 9100, parts.clock.wallMs());
  assert.deepEqual(parts.instances(), ["10.0.0.5:8732", "10.0.0.5:9100"]);
  await parts.manager.applyConfig(await parts.configOf(RANGE));
  assert.deepEqual(parts.instances(), ["10.0.0.5:8732"]);
  await parts.manager.stop();
});

test("A second address of an exporter is no target, and is probed again in case the first falls silent", async () => {
  const parts = new DiscoveryUnderTest();
  const nodeId = "a".repeat(32);
  for (const endpoint of ["10.0.0.5:8732", "10.0.0.6:8732"]) {
    parts.network.answers.set(`GET http://${endpoint}/-/healthy`, () => ({
      ...response(200, "ok"),
      headers: { "pihealth-node-id": nodeId },
    }));
  }
  const node = {
    ...{ nodeId, hostname: "pi1", bootId: "b1", lastHeartbeatMs: 5, clockOffsetMs: 0 },
    ...{ monotonicMs: 1, history: undefined },
  };
  const seenMs = parts.clock.wallMs();
  parts.fleet.restore([
    { address: "10.0.0.5", port: 8732, firstSeenMs: 1, lastSeenMs: seenMs, node },
  ]);
  await parts.start(RANGE); // The second address answers before the first heartbeat.
  await parts.clock.advance(5000);
  parts.beat("10.0.0.5", nodeId);
  await parts.clock.advance(2000);
  assert.deepEqual(parts.instances(), ["10.0.0.5:8732"]);
  await parts.clock.advance(7_200_000); // No heartbeat any more.
  assert.deepEqual(parts.instances(), ["10.0.0.5:8732", "10.0.0.6:8732"]);
  await parts.manager.stop();
});

test("Without heartbeats, two addresses of an exporter are one target, too", async () => {
  const parts = new DiscoveryUnderTest();
  for (const endpoint of ["10.0.0.5:8732", "10.0.0.6:8732"]) {
    parts.network.answers.set(`GET http://${endpoint}/-/healthy`, () => ({
      ...response(200, "ok"),
      headers: { "pihealth-node-id": "c".repeat(32) },
    }));
  }
  await parts.start(RANGE);
  await parts.clock.advance(60_000);
  assert.equal(parts.instances().length, 1);
  await parts.manager.stop();
});

test("A host in two ranges, by address and by name, and in the configuration is one target", async () => {
  const parts = new DiscoveryUnderTest();
  for (const endpoint of ["10.0.0.1:8732", "10.0.0.2:8732", "pi1.lan:8732"])
    parts.network.addExporter(endpoint);
  parts.network.names.set("pi1.lan", ["10.0.0.1"]);
  await parts.start(`scrape_configs:
- {job_name: a, range_sd_configs: [{hosts: [10.0.0.1-10.0.0.2, 10.0.0.0/30, pi1.lan]}]}
- {job_name: b, static_configs: [{targets: ["10.0.0.2:8732"]}]}`);
  await parts.clock.advance(5000);
  assert.deepEqual(
    parts.manager.targets().map(({ labels }) => labels.toString()),
    ['{instance="10.0.0.2:8732", job="b"}', '{instance="10.0.0.1:8732", job="a"}'],
  );
  assert.deepEqual(
    parts.manager
      .refusedTargets()
      .map(({ address, reason }) => `${address}: ${reason}`)
      .sort(),
    [
      "10.0.0.2:8732: job b has it already as 10.0.0.2:8732",
      "pi1.lan:8732: job a has it already as 10.0.0.1:8732",
    ],
  );
  await parts.manager.stop();
});

test("Hosts of an earlier run are targets from the start, until they are forgotten", async () => {
  const parts = new DiscoveryUnderTest();
  const nowMs = parts.clock.wallMs();
  const host = (address: string, ageDays: number): Parameters<typeof parts.fleet.noteSeen> => [
    address,
    8732,
    nowMs - ageDays * 86_400_000,
  ];
  parts.fleet.noteSeen(...host("10.0.0.1", 1));
  parts.fleet.noteSeen(...host("10.0.0.2", 31));
  parts.fleet.noteSeen(...host("10.1.0.1", 1));
  await parts.start(RANGE);
  assert.deepEqual(parts.instances(), ["10.0.0.1:8732"]);
  await parts.manager.stop();
});

test("A new configuration keeps the hosts that its ranges contain", async () => {
  const parts = new DiscoveryUnderTest();
  parts.network.addExporter("10.0.0.1:8732");
  parts.network.addExporter("10.0.0.5:8732");
  await parts.start(RANGE);
  await parts.clock.advance(3000);
  await parts.manager.applyConfig(
    await parts.configOf(
      "scrape_configs: [{job_name: new, range_sd_configs: [{hosts: [10.0.0.4-10.0.0.6]}]}]",
    ),
  );
  assert.deepEqual(
    parts.notifications.at(-1)?.map(({ labels }) => labels.toString()),
    ['{instance="10.0.0.5:8732", job="new"}'],
  );
  await parts.manager.stop();
});

test("target_limit refuses further targets and reports it", async () => {
  const parts = new DiscoveryUnderTest();
  await parts.start(
    "scrape_configs: [{job_name: a, target_limit: 2, static_configs: [{targets: [a, b, c, d]}]}]",
  );
  assert.equal(parts.manager.targets().length, 2);
  assert.equal(
    parts.manager.refusedTargets()[0]?.reason,
    "job a has target_limit (2) targets already",
  );
  assert.equal(valueOf(parts.manager, "pihealth_refused_targets"), 2);
  await parts.manager.stop();
});

test("A target dropped by relabelling is shown with its discovered labels", async () => {
  const parts = new DiscoveryUnderTest();
  await parts.start(`scrape_configs:
- job_name: a
  static_configs: [{targets: [keep.lan, drop.lan]}]
  relabel_configs: [{source_labels: [__address__], regex: drop.*, action: drop}]`);
  assert.equal(parts.manager.targets().length, 1);
  assert.deepEqual(
    parts.manager
      .droppedTargets()
      .map(({ jobName, discoveredLabels }) => [jobName, discoveredLabels.get("__address__")]),
    [["a", "drop.lan"]],
  );
  await parts.manager.stop();
});

test("stop ends while a probe hangs", async () => {
  const parts = new DiscoveryUnderTest();
  parts.network.answers.set("GET http://10.0.0.1:8732/-/healthy", () => {
    const signal = parts.network.requests.at(-1)?.signal;
    return new Promise((_, reject) => {
      signal?.addEventListener("abort", () => reject(new HttpError("aborted", "stopped")));
    });
  });
  await parts.start("scrape_configs: [{job_name: pi, range_sd_configs: [{hosts: [10.0.0.1]}]}]");
  await parts.clock.advance(500);
  await parts.manager.stop();
  assert.equal(parts.clock.sleeping, 0);
});
