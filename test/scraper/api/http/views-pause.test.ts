import assert from "node:assert/strict";
import { test } from "node:test";
import { Labels } from "../../../../exporter/shared/model/labels.js";
import { sortPaced } from "../../../../scraper/base/paced-sort.js";
import { jsonPieces } from "../../../../scraper/api/http/json-pieces.js";
import { viewAlerts } from "../../../../scraper/rule-engine/evaluation/rules-view.js";
import { metadataOfAll } from "../../../../scraper/scrape/target-metadata.js";
import { fleetAlerts } from "../../../../scraper/web/fleet-page-data.js";
import { CountingPace } from "../../../support/counting-pace.js";
import { appendRow, host, openStorage, START_MS } from "../../storage/storage-fixture.js";

const COUNT = 5000;
const VALUES_PER_SLICE = 8192;

const activeAlerts = Array.from({ length: COUNT }, (_, index) => ({
  labels: Labels.of({ alertname: "Hot", i: String(index) }),
  annotations: Labels.EMPTY,
  state: "firing" as const,
  activeAtMs: START_MS,
  value: index,
  unknown: false,
  keepFiringSinceMs: undefined,
  resolvedAtMs: undefined,
  lastSentAtMs: undefined,
  firedAtMs: undefined,
}));

test("alerts are rendered in pieces, and a piece makes few of them", () => {
  let made = 0;
  let most = 0;
  const counted = (function* () {
    for (const view of viewAlerts(activeAlerts)) {
      made++;
      yield view;
    }
  })();
  let before = 0;
  for (const piece of jsonPieces({ alerts: counted })) {
    assert.ok(piece.length < 100_000);
    most = Math.max(most, made - before);
    before = made;
  }
  assert.equal(made, COUNT);
  assert.ok(most <= 512, `${most} alerts in one piece`);
});

test("a list of which nothing is wanted is rendered in pieces too, and is an empty list", () => {
  const nothing = (function* () {
    for (let index = 0; index < COUNT; index++) yield undefined;
  })();
  const pieces = [...jsonPieces(nothing)];
  assert.equal(pieces.join(""), "[]");
  assert.ok(pieces.length > COUNT / 600, `${pieces.length} pieces`);
});

for (const { name, read } of [
  {
    name: "the counts of status/tsdb",
    read: async (pace: CountingPace): Promise<void> => {
      const { storage } = await openStorage();
      const values = Object.fromEntries(
        Array.from({ length: COUNT }, (_, index) => [`m_${index}`, index]),
      );
      appendRow(storage, host("10.0.0.1"), START_MS, values);
      const { headStats } = await storage.stats(10, pace);
      assert.equal(headStats.numSeries, COUNT);
      await storage.stop();
    },
  },
  {
    name: "the alerts of a page",
    read: async (pace: CountingPace): Promise<void> => {
      const alerts = () => viewAlerts(activeAlerts);
      assert.equal((await fleetAlerts({ alerts, pace: () => pace })).length, COUNT);
    },
  },
  {
    name: "metadata of all targets",
    read: async (pace: CountingPace): Promise<void> => {
      const bodies = Array.from({ length: 50 }, (_, target) => {
        const metadata = Array.from({ length: 100 }, (_, index) => ({
          metric: `m_${target}_${index}`,
          type: "gauge",
          help: "Help.",
          unit: "",
        }));
        return [{ metadata }];
      });
      assert.equal((await metadataOfAll(bodies, pace)).size, COUNT);
    },
  },
  {
    name: "sorting",
    read: async (pace: CountingPace): Promise<void> => {
      const items = Array.from({ length: COUNT }, (_, index) => (index * 7919) % COUNT);
      const sorted = await sortPaced(items, (left, right) => left - right, pace);
      assert.deepEqual(sorted.slice(0, 3), [0, 1, 2]);
    },
  },
]) {
  test(`a view of ${COUNT} items pauses: ${name}`, async () => {
    const pace = new CountingPace(VALUES_PER_SLICE);
    await read(pace);
    assert.ok(pace.pauses >= 2, `${pace.pauses} pauses`);
  });
}
