import assert from "node:assert/strict";
import { test } from "node:test";
import {
  decodeHistoryList,
  encodeHistoryList,
  MAX_HISTORY_LIST_BYTES,
  MAX_HISTORY_SEGMENTS,
  type HistoryList,
  type HistorySegment,
} from "../../../../exporter/shared/protocol/history.js";
import { changedJson } from "../../../support/changed-json.js";

const BOOT_ID = "0aa6a5fb-23fd-4ee4-8b5f-63f4cd2bd9f2";
const SEGMENT: HistorySegment = {
  name: "0000000001-1768230000000.prom.gz",
  fromMs: 1_768_230_000_000,
  lastMs: 1_768_230_005_000,
  bytes: 120,
  sha256: "ab".repeat(32),
  open: true,
  bootId: BOOT_ID,
};
const SEGMENT_ON_THE_WIRE = {
  name: SEGMENT.name,
  from_ms: SEGMENT.fromMs,
  last_ms: SEGMENT.lastMs,
  bytes: SEGMENT.bytes,
  sha256: SEGMENT.sha256,
  open: SEGMENT.open,
  boot_id: SEGMENT.bootId,
};
const LIST: HistoryList = {
  nodeId: "0123456789abcdef".repeat(2),
  bootId: BOOT_ID,
  wallMs: 1_768_230_010_000,
  monotonicMs: 5000,
  segments: [SEGMENT],
};

test("a history list is read as it was written", () => {
  const text = encodeHistoryList(LIST);
  assert.deepEqual(decodeHistoryList(text), LIST);
  assert.equal(changedJson(text, { segments: [SEGMENT_ON_THE_WIRE] }), text);
});

test("the longest allowed history list fits its size limit", () => {
  const longest = { ...LIST, segments: Array<HistorySegment>(MAX_HISTORY_SEGMENTS).fill(SEGMENT) };
  const text = encodeHistoryList(longest);
  assert.ok(text.length < MAX_HISTORY_LIST_BYTES, `${text.length}`);
  assert.equal(decodeHistoryList(text).segments.length, MAX_HISTORY_SEGMENTS);
});

for (const { name, change, field } of [
  { name: "no node id", change: { node_id: undefined }, field: "node_id" },
  { name: "a negative clock", change: { wall_ms: -1 }, field: "wall_ms" },
  { name: "a fraction", change: { monotonic_ms: 0.5 }, field: "monotonic_ms" },
  { name: "no list", change: { segments: {} }, field: "segments" },
  { name: "too many", change: { segments: Array(4097).fill({}) }, field: "segments" },
  { name: "null in the list", change: { segments: [null] }, field: "segments\\[0\\]" },
]) {
  test(`a history list with ${name} is refused, naming ${field}`, () => {
    const text = changedJson(encodeHistoryList(LIST), change);
    const isNamed = new RegExp(`^Cannot read history list: ${field} is .*, it must be `);
    assert.throws(() => decodeHistoryList(text), { message: isNamed });
  });
}

for (const change of [
  { name: "../../etc/shadow" },
  { from_ms: 1e300 },
  { last_ms: 5 },
  { bytes: "1" },
  { sha256: "AB" },
  { open: 1 },
  { boot_id: "" },
]) {
  const [field = ""] = Object.keys(change);
  test(`a segment with a wrong ${field} is refused, naming it`, () => {
    const segments = [{ ...SEGMENT_ON_THE_WIRE, ...change }];
    const text = changedJson(encodeHistoryList(LIST), { segments });
    const isNamed = new RegExp(
      `^Cannot read history list: segments\\[0\\]\\.${field} is .*, it must be `,
    );
    assert.throws(() => decodeHistoryList(text), { message: isNamed });
  });
}

for (const text of ["", "[]", "null", "{", "1"]) {
  test(`"${text}" is not a history list`, () => {
    assert.throws(() => decodeHistoryList(text), { code: "bad_input" });
  });
}
