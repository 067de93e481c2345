import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { OutageRig, type GapAnswer } from "../support/outage-rig.js";

/** Both programs as processes; the master, the exporter and the link between them fail in turn, in order. */
let rig: OutageRig;

before(async () => {
  rig = await OutageRig.start();
});

after(async () => rig.close());

const lost = (gaps: readonly GapAnswer[]): GapAnswer[] => gaps.filter(({ state }) => state === "lost");

test("before anything fails, the master confirms what it has stored and nothing is missing", async () => {
  await rig.samplesSince(rig.startedMs, 3);
  await rig.confirmation();
  assert.deepEqual(lost(await rig.gaps()), []);
});

test("a master killed and started again has every sample of the time between, each once", async () => {
  const fromMs = await rig.killScraper();
  await rig.pass(3000);
  const untilMs = await rig.startScraper();
  await rig.filled({ fromMs, untilMs });
  await rig.assertComplete({ fromMs, untilMs });
});

test("a link cut while both run leaves nothing missing", async () => {
  const fromMs = await rig.cutLink();
  await rig.pass(3000);
  const untilMs = await rig.joinLink();
  await rig.filled({ fromMs, untilMs });
  await rig.assertComplete({ fromMs, untilMs });
});

test("a master killed while it fetches goes on after its start, and stores nothing twice", async () => {
  const fromMs = await rig.cutLink();
  await rig.pass(3000);
  await rig.joinLink();
  await rig.fetchBegun();
  await rig.killScraper();
  const untilMs = await rig.startScraper();
  await rig.filled({ fromMs, untilMs });
  await rig.assertComplete({ fromMs, untilMs });
});

test("an exporter killed without warning leaves a gap that says why, and everything else is there", async () => {
  const fromMs = await rig.killExporter();
  await rig.pass(3000);
  const untilMs = await rig.startExporter();
  const gap = await rig.lost({ fromMs, untilMs });
  assert.equal(gap.cause, "exporter_down");
});

test("both gone at once: what the exporter recorded is there, the rest is named", async () => {
  const fromMs = await rig.killScraper();
  await rig.pass(3000);
  await rig.killExporter();
  await rig.pass(3000);
  await rig.startExporter();
  await rig.pass(3000);
  const untilMs = await rig.startScraper();
  assert.equal((await rig.lost({ fromMs, untilMs })).cause, "exporter_down");
  await rig.assertComplete({ fromMs, untilMs });
});
