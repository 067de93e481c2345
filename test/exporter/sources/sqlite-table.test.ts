import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { BrokenSourceError } from "../../../exporter/sources/broken-source-error.js";
import { readSqliteTable } from "../../../exporter/sources/sqlite-table.js";
import { FIXTURES } from "../../support/repository.js";

const SMALL = readFileSync(path.join(FIXTURES, "pi-5/root/var/lib/lastlog/lastlog2.db"));
/**
 * 800 rows of every kind of value, deep enough for interior pages; see test/fixtures/README.md.
 */
const LARGE = readFileSync(path.join(FIXTURES, "sqlite/values.db"));

test("the rows of a table are read in order with their values", () => {
  assert.deepEqual(readSqliteTable(SMALL, "Lastlog2"), [
    ["anna", 1768230000, "pts/0", "192.168.1.40", "sshd"],
    ["cleo", 1768100000, "tty1", null, "login"],
    ["ben", 1768200000, "pts/1", "192.168.1.41", "sshd"],
    ["gone", 1768229000, "pts/1", "192.168.1.41", "sshd"],
  ]);
  assert.deepEqual(readSqliteTable(SMALL, "Other"), []);
});

test("a tree of several levels and every width of number are read", () => {
  const rows = readSqliteTable(LARGE, "numbers");
  assert.equal(rows.length, 800);
  assert.deepEqual(rows[0], [0, 0.5, "größe 0", null]);
  const wide = [
    0,
    1,
    -1,
    127,
    -128,
    32_767,
    -32_768,
    8_388_607,
    2 ** 31,
    -(2 ** 31),
    2 ** 47 - 1,
    2 ** 52,
  ];
  assert.deepEqual(
    readSqliteTable(LARGE, "widths").map(([value]) => value),
    wide,
  );
});

test("a damaged file yields an error or rows, and reading always ends", () => {
  for (let seed = 0; seed < 400; seed++) {
    const damaged = Buffer.from(SMALL);
    for (let hit = 0; hit < 4; hit++)
      damaged[(seed * 7919 + hit * 104_729) % damaged.length] = (seed * 31 + hit) & 0xff;
    try {
      readSqliteTable(damaged, "Lastlog2");
    } catch (error) {
      assert.ok(error instanceof BrokenSourceError, String(error));
    }
  }
  for (const bytes of [
    Buffer.alloc(0),
    SMALL.subarray(0, 50),
    SMALL.subarray(0, 1500),
    Buffer.alloc(4096),
  ]) {
    assert.throws(() => readSqliteTable(bytes, "Lastlog2"), BrokenSourceError);
  }
});
