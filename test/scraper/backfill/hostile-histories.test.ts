import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeMember } from "../../../exporter/shared/codec/history/gzip-member.js";
import type { SendHttp } from "../../../exporter/shared/platform/http/http-client.js";
import { Bandwidth } from "../../../scraper/backfill/bandwidth.js";
import { HistoryClient, HistoryError } from "../../../scraper/backfill/history-client.js";
import { RetrySchedule } from "../../../scraper/backfill/retry-schedule.js";
import { type GroupedSamples, GroupReader } from "../../../scraper/backfill/sample-groups.js";
import { membersOf } from "../../../scraper/backfill/segment-members.js";
import { FakeClock } from "../../support/fake-clock.js";
import { settings, target } from "../scrape/scrape-fixture.js";

const LINE = 'pihealth_x{a="1"} 1 1700000000000\n';
const LARGE = encodeMember(LINE.repeat(Math.floor((16 * 1024 * 1024 - 1) / LINE.length)));

function withWrongChecksum(member: Buffer): Buffer {
  const copy = Buffer.from(member);
  copy.writeUInt32LE((copy.readUInt32LE(copy.length - 8) ^ 1) >>> 0, copy.length - 8);
  return copy;
}

function marks(): Buffer {
  const mark = Buffer.from(LARGE.subarray(0, 20));
  mark.writeUInt32LE(15 * 1024 * 1024, 16);
  return Buffer.concat(Array.from({ length: 100_000 }, () => mark));
}

function withClaimedText(bytes: number): Buffer {
  const copy = Buffer.from(LARGE);
  copy.writeUInt32LE(bytes, copy.length - 4);
  return copy;
}

const SEGMENTS = [
  { name: "a bomb", code: "bomb", most: 2, segment: Buffer.concat(Array(2000).fill(LARGE)) },
  { name: "a wrong checksum", code: "damaged", most: 0, segment: withWrongChecksum(LARGE) },
  { name: "many headers without content", code: "damaged", most: 0, segment: marks() },
  { name: "a text longer than it says", code: "damaged", most: 0, segment: withClaimedText(10) },
  { name: "a text of 4 GiB", code: "damaged", most: 0, segment: withClaimedText(0xffffffff) },
] as const;

for (const { name, code, most, segment } of SEGMENTS) {
  test(`A segment with ${name} is refused after ${most} members`, async () => {
    let texts = 0;
    await assert.rejects(
      async () => {
        for await (const text of membersOf(segment, "s")) texts += text === "" ? 0 : 1;
      },
      (error) => error instanceof HistoryError && error.code === code,
    );
    assert.equal(texts, most);
  });
}

test("A long member is read in slices, with the samples of a whole reading", () => {
  const lines = Array.from({ length: 30_000 }, (_, index) => {
    return `pihealth_x{a="${index % 7}"} ${index} ${1_700_000_000_000 + Math.floor(index / 7)}\n`;
  });
  const text = `# header\n${lines.join("")}`;
  const whole: GroupedSamples[] = [];
  new GroupReader().read(text, (samples) => void whole.push(samples));
  const sliced: GroupedSamples[] = [];
  const slices = new GroupReader().readInSlices(text, (samples) => void sliced.push(samples));
  let pauses = 0;
  while (slices.next().done !== true) pauses++;
  assert.ok(pauses >= Math.floor(text.length / 70_000), `${pauses} pauses`);
  assert.deepEqual(sliced, whole);
});

test("One timestamp with more series than any exporter has is cut", () => {
  const text = `# header\n${LINE.repeat(150_000)}`;
  const reader = new GroupReader();
  let most = 0;
  reader.read(text, ({ values }) => void (most = Math.max(most, values.length)));
  assert.equal(most, 100_000);
  assert.equal(reader.damagedLines, 50_000);
});

for (const { name, pieceBytes, pieceMs, requests } of [
  { name: "one byte every 20 s", pieceBytes: 1, pieceMs: 20_000, requests: 2 },
  { name: "a kilobyte a second", pieceBytes: 1024, pieceMs: 1000, requests: 31 },
]) {
  test(`A Pi that sends ${name} loses its turn`, async () => {
    const clock = new FakeClock();
    let asked = 0;
    const sendHttp: SendHttp = async ({ headers }) => {
      asked++;
      const from = /bytes=(\d+)-/.exec(headers?.["Range"] ?? "")?.[1] ?? "";
      await clock.advance(pieceMs);
      const body = Buffer.alloc(pieceBytes);
      return { status: 206, headers: { "content-range": `bytes ${from}-` }, body };
    };
    const client = new HistoryClient({
      clock,
      sendHttp,
      bandwidth: new Bandwidth(clock, 1e12),
      token: "t",
      countBytes: () => undefined,
    });
    const segment = {
      ...{ name: "0000000001-1700000000000.prom.gz", fromMs: 0, lastMs: 1, bytes: 10_000_000 },
      ...{ sha256: "a".repeat(64), open: false, bootId: "b" },
    };
    await assert.rejects(
      client.segment(target("10.0.0.1", settings({})), segment, new AbortController().signal),
      (error) => error instanceof HistoryError && error.code === "slow",
    );
    assert.equal(asked, requests);
    client.close();
  });
}

test("An endpoint that was put aside stays so, whatever its scrapes do", async () => {
  const clock = new FakeClock();
  const retries = new RetrySchedule(clock);
  retries.putAside("10.0.0.1:9100", 3_600_000);
  retries.reset("10.0.0.1:9100");
  assert.equal(retries.isDue("10.0.0.1:9100"), false);
  assert.equal(retries.isDue("10.0.0.2:9100"), true);
  await clock.advance(3_600_001);
  assert.equal(retries.isDue("10.0.0.1:9100"), true);
});
