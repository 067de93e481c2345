import assert from "node:assert/strict";
import { test } from "node:test";
import { HttpError } from "../../../exporter/shared/platform/http/http-client.js";
import { DiscoveryUnderTest, response } from "./discovery-under-test.js";
import { valueOf } from "../../support/metric-values.js";

const FILES =
  "scrape_configs: [{job_name: f, file_sd_configs: [{files: ['sd/*.json', 'sd/extra.yml'], refresh_interval: 10s}]}]";
const HTTP =
  "scrape_configs: [{job_name: h, http_sd_configs: [{url: 'http://sd.lan/t', refresh_interval: 10s, basic_auth: {username: u, password: p}}]}]";
const JSON_TYPE = "application/json; charset=utf-8";

test("Discovery files are read before start returns, in both formats, with the path as a label", async () => {
  const parts = new DiscoveryUnderTest();
  parts.files.put("/etc/sd/a.json", '[{"targets": ["a:1", "b:2"], "labels": {"room": "attic"}}]');
  parts.files.put("/etc/sd/extra.yml", "- targets: [c:3]\n  labels: {room: cellar}\n");
  parts.files.put("/etc/sd/other.txt", "rubbish");
  await parts.start(FILES);
  assert.deepEqual(parts.instances(), ["a:1", "b:2", "c:3"]);
  const last = parts.manager.targets().find(({ host }) => host === "c");
  assert.equal(last?.labels.get("room"), "cellar");
  assert.equal(last.discoveredLabels.get("__meta_filepath"), "/etc/sd/extra.yml");
  await parts.manager.stop();
});

test("A changed discovery file changes the targets, and a deleted one removes its targets", async () => {
  const parts = new DiscoveryUnderTest();
  parts.files.put("/etc/sd/a.json", '[{"targets": ["a:1"]}]');
  parts.files.put("/etc/sd/b.json", '[{"targets": ["b:1"]}]');
  await parts.start(FILES);
  parts.files.put("/etc/sd/a.json", '[{"targets": ["a:1", "aa:1"]}]');
  await parts.files.remove("/etc/sd/b.json");
  await parts.clock.advance(11_000);
  assert.deepEqual(parts.instances(), ["a:1", "aa:1"]);
  const times = parts.notifications.length;
  await parts.clock.advance(60_000);
  assert.equal(parts.notifications.length, times, "no notification without a change");
  await parts.manager.stop();
});

for (const { name, content } of [
  { name: "torn JSON", content: '[{"targets": ["a' },
  { name: "no list", content: '{"targets": ["x:1"]}' },
  { name: "targets that are no list", content: '[{"targets": "x:1"}]' },
  { name: "a target that is no text", content: '[{"targets": [1]}]' },
  { name: "a target with a line feed", content: '[{"targets": ["x:1\\ny"]}]' },
  { name: "a label that is no text", content: '[{"targets": [], "labels": {"a": 1}}]' },
  { name: "a label name that is none", content: '[{"targets": [], "labels": {"": "c"}}]' },
  { name: "an unknown key", content: '[{"targets": [], "label": {}}]' },
  { name: "null", content: "[null]" },
]) {
  test(`An unusable discovery file keeps its previous targets: ${name}`, async () => {
    const parts = new DiscoveryUnderTest();
    parts.files.put("/etc/sd/a.json", '[{"targets": ["a:1"]}]');
    await parts.start(FILES);
    parts.files.put("/etc/sd/a.json", content);
    await parts.clock.advance(11_000);
    assert.deepEqual(parts.instances(), ["a:1"]);
    assert.equal(valueOf(parts.manager, "pihealth_discovery_failures_total"), 1);
    parts.files.put("/etc/sd/a.json", '[{"targets": ["b:1"]}]');
    await parts.clock.advance(11_000);
    assert.deepEqual(parts.instances(), ["b:1"]);
    await parts.manager.stop();
  });
}

test("A file that cannot be read, and a folder that cannot be listed, keep their previous targets", async () => {
  const parts = new DiscoveryUnderTest();
  parts.files.put("/etc/sd/a.json", '[{"targets": ["a:1"]}]');
  await parts.start(FILES);
  parts.files.put("/etc/sd/a.json", '[{"targets": ["a:1", "b:1"]}]');
  parts.files.fault = (operation) =>
    operation === "read" || operation === "list" ? "EIO" : undefined;
  await parts.clock.advance(25_000);
  assert.deepEqual(parts.instances(), ["a:1"]);
  await parts.manager.stop();
});

test("A discovery server is polled on its interval, with its credentials", async () => {
  const parts = new DiscoveryUnderTest();
  parts.network.answers.set("GET http://sd.lan/t", () =>
    response(200, '[{"targets": ["a:1"], "labels": {"x": "y"}}]', JSON_TYPE),
  );
  await parts.start(HTTP);
  await parts.clock.advance(0);
  assert.deepEqual(parts.instances(), ["a:1"]);
  assert.equal(parts.manager.targets()[0]?.discoveredLabels.get("__meta_url"), "http://sd.lan/t");
  const [request] = parts.network.requests;
  assert.equal(
    request?.headers?.["Authorization"],
    `Basic ${Buffer.from("u:p").toString("base64")}`,
  );
  assert.ok(request.maxBodyBytes <= 2 ** 25);
  await parts.clock.advance(30_500);
  assert.equal(parts.network.requests.length, 4);
  await parts.manager.stop();
});

for (const { name, answer } of [
  { name: "an error", answer: () => response(500, "[]", JSON_TYPE) },
  { name: "a page", answer: () => response(200, "<html>", "text/html") },
  { name: "rubbish", answer: () => response(200, "\u0000\u0001", JSON_TYPE) },
  {
    name: "an endless body",
    answer: () => {
      throw new HttpError("too_large", "Cannot fetch: the body is larger than allowed");
    },
  },
]) {
  test(`A discovery server with an unusable response keeps its previous targets: ${name}`, async () => {
    const parts = new DiscoveryUnderTest();
    parts.network.answers.set("GET http://sd.lan/t", () =>
      response(200, '[{"targets": ["a:1"]}]', JSON_TYPE),
    );
    await parts.start(HTTP);
    await parts.clock.advance(1000);
    parts.network.answers.set("GET http://sd.lan/t", answer);
    await parts.clock.advance(30_000);
    assert.deepEqual(parts.instances(), ["a:1"]);
    await parts.manager.stop();
  });
}

test("A discovery server cannot name anything that is not an address", async () => {
  const parts = new DiscoveryUnderTest();
  const targets = ["../../etc/passwd", "http://x/", "x:99999", "ok:1"];
  parts.network.answers.set("GET http://sd.lan/t", () =>
    response(200, JSON.stringify([{ targets }]), JSON_TYPE),
  );
  await parts.start(HTTP);
  await parts.clock.advance(2000);
  assert.deepEqual(parts.instances(), ["ok:1"]);
  assert.equal(parts.manager.refusedTargets().length, 3);
  await parts.manager.stop();
});
