import assert from "node:assert/strict";
import { test } from "node:test";
import { Journal } from "../../../../exporter/shared/journal/journal.js";
import { RECORD_HEADER_BYTES } from "../../../../exporter/shared/journal/record.js";
import {
  listSegments,
  scanSegment,
  SEGMENT_HEADER_BYTES,
} from "../../../../exporter/shared/journal/segment.js";
import { MemoryFiles } from "../../../support/memory-files.js";

const FOLDER = "/data/journal";

async function newJournal(files: MemoryFiles, maxPendingBytes = 1_000_000): Promise<Journal> {
  await files.makeFolder(FOLDER);
  const existing = await listSegments(files, FOLDER, "journal");
  const firstSequence = (existing.at(-1)?.sequence ?? 0) + 1;
  return new Journal({ files, folder: FOLDER, prefix: "journal", maxPendingBytes, firstSequence });
}

interface Read {
  texts: string[];
  damagedBytes: number;
  tornBytes: number;
}

async function readAll(files: MemoryFiles): Promise<Read> {
  const read: Read = { texts: [], damagedBytes: 0, tornBytes: 0 };
  for (const segment of await listSegments(files, FOLDER, "journal")) {
    scanSegment(segment, await files.readBytes(segment.path), {
      onRecord: (kind, payload) => read.texts.push(`${kind}:${Buffer.from(payload).toString()}`),
      onDamage: (_, { lengthBytes, isTail }) => {
        if (isTail) read.tornBytes += lengthBytes;
        else read.damagedBytes += lengthBytes;
      },
    });
  }
  return read;
}

const appendText = (journal: Journal, text: string): boolean =>
  journal.append(7, (writer) => writer.raw(Buffer.from(text))) !== undefined;

const texts = (from: number, until: number): string[] =>
  Array.from({ length: until - from }, (_, index) => `record number ${from + index}`);

test("committed records are read back in order, over several segments", async () => {
  const files = new MemoryFiles();
  const journal = await newJournal(files);
  for (const text of texts(0, 3)) appendText(journal, text);
  await journal.roll();
  for (const text of texts(3, 5)) appendText(journal, text);
  await journal.close();
  assert.deepEqual(
    (await readAll(files)).texts,
    texts(0, 5).map((text) => `7:${text}`),
  );
  assert.deepEqual(files.paths(), [`${FOLDER}/journal-00000001`, `${FOLDER}/journal-00000002`]);
});

test("a commit includes all records appended before it, also while another commit is running", async () => {
  const files = new MemoryFiles();
  const journal = await newJournal(files);
  appendText(journal, "a");
  const first = journal.commit();
  appendText(journal, "b");
  const second = journal.commit();
  await Promise.all([first, second]);
  assert.deepEqual((await readAll(files.afterPowerCut())).texts, ["7:a", "7:b"]);
});

test("a power cut after any byte of a write keeps every committed record, and none twice", async () => {
  const files = new MemoryFiles();
  const journal = await newJournal(files);
  for (const text of texts(0, 3)) appendText(journal, text);
  await journal.commit();
  files.fault = (operation) => (operation === "sync" ? "EIO" : undefined);
  for (const text of texts(3, 6)) appendText(journal, text);
  await assert.rejects(journal.commit());
  const unsyncedBytes = 3 * (RECORD_HEADER_BYTES + "record number 0".length);
  for (let kept = 0; kept <= unsyncedBytes; kept++) {
    const after = await readAll(files.afterPowerCut(kept));
    const whole = Math.floor(kept / (RECORD_HEADER_BYTES + "record number 0".length));
    assert.deepEqual(
      after.texts,
      texts(0, 3 + whole).map((text) => `7:${text}`),
      `${kept} bytes`,
    );
    assert.equal(after.damagedBytes, 0);
  }
});

test("one flipped bit anywhere costs at most the record that contains it", async () => {
  const files = new MemoryFiles();
  const journal = await newJournal(files);
  for (const text of texts(0, 5)) appendText(journal, text);
  await journal.close();
  const [filePath = ""] = files.paths();
  const original = await files.readBytes(filePath);
  const recordBytes = RECORD_HEADER_BYTES + "record number 0".length;
  for (let bit = 0; bit < original.length * 8; bit++) {
    const damaged = Uint8Array.from(original);
    damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
    files.put(filePath, damaged);
    const { texts: found, damagedBytes, tornBytes } = await readAll(files);
    const record = Math.floor(((bit >> 3) - SEGMENT_HEADER_BYTES) / recordBytes);
    const expected = texts(0, 5).filter(
      (_, index) => bit >> 3 < SEGMENT_HEADER_BYTES || index !== record,
    );
    assert.deepEqual(
      found,
      expected.map((text) => `7:${text}`),
      `bit ${bit}`,
    );
    assert.ok(damagedBytes + tornBytes > 0, `bit ${bit} is reported`);
  }
});

for (const { name, code } of [
  { name: "disk full", code: "ENOSPC" },
  { name: "read-only", code: "EROFS" },
  { name: "input/output error", code: "EIO" },
]) {
  test(`a failed commit is written completely by a later one: ${name}`, async () => {
    const files = new MemoryFiles();
    const journal = await newJournal(files);
    appendText(journal, "before");
    await journal.commit();
    for (const operation of ["append", "sync"]) {
      files.fault = (current) => (current === operation ? code : undefined);
      appendText(journal, operation);
      await assert.rejects(journal.commit(), { code });
    }
    files.fault = () => undefined;
    appendText(journal, "after");
    await journal.commit();
    const { texts: found, damagedBytes, tornBytes } = await readAll(files.afterPowerCut());
    assert.deepEqual(found, ["7:before", "7:append", "7:sync", "7:after"]);
    assert.equal(damagedBytes + tornBytes, 0);
  });
}

test("an incomplete group is cut off before it is written again", async () => {
  const files = new MemoryFiles();
  const journal = await newJournal(files);
  for (let room = 0; room < 60; room += 7) {
    files.roomBytes = room;
    appendText(journal, `room ${room}`);
    await journal.commit().catch(() => undefined);
  }
  files.roomBytes = 1e6;
  await journal.commit();
  const { texts: found, damagedBytes, tornBytes } = await readAll(files);
  assert.equal(found.length, 9);
  assert.equal(damagedBytes + tornBytes, 0);
});

test("a journal that cannot write refuses records beyond its bound and counts pending bytes", async () => {
  const files = new MemoryFiles();
  const journal = await newJournal(files, 100);
  files.roomBytes = 0;
  let taken = 0;
  while (taken < 50 && appendText(journal, "0123456789")) taken++;
  await assert.rejects(journal.commit(), { code: "ENOSPC" });
  assert.ok(taken > 3 && taken < 10, `${taken} taken`);
  assert.ok(journal.pendingBytes > 100 && journal.pendingBytes < 200);
});

test("old segments are removed on request, the open one never", async () => {
  const files = new MemoryFiles();
  const journal = await newJournal(files);
  for (const text of texts(0, 3)) {
    appendText(journal, text);
    await journal.roll();
  }
  appendText(journal, "last");
  await journal.commit();
  await journal.remove([1, 2, 3, 4]);
  assert.deepEqual(files.paths(), [`${FOLDER}/journal-00000004`]);
});

test("records that are written and not synced survive the end of the process, not a power cut", async () => {
  const files = new MemoryFiles();
  const journal = await newJournal(files);
  appendText(journal, "a");
  await journal.commit();
  for (const text of ["b", "c"]) {
    appendText(journal, text);
    await journal.write();
  }
  assert.deepEqual((await readAll(files)).texts, ["7:a", "7:b", "7:c"]);
  assert.deepEqual((await readAll(files.afterPowerCut())).texts, ["7:a"]);
  await journal.commit();
  assert.deepEqual((await readAll(files.afterPowerCut())).texts, ["7:a", "7:b", "7:c"]);
});

for (const failing of ["append", "sync"] as const) {
  test(`after a failed ${failing}, everything that was not synced is written again, once`, async () => {
    const files = new MemoryFiles();
    const journal = await newJournal(files);
    appendText(journal, "a");
    await journal.commit();
    appendText(journal, "b");
    await journal.write();
    appendText(journal, "c");
    files.fault = (operation) => (operation === failing ? "EIO" : undefined);
    await assert.rejects(journal.commit());
    files.fault = () => undefined;
    appendText(journal, "d");
    await journal.write();
    assert.deepEqual((await readAll(files)).texts, ["7:a", "7:b", "7:c", "7:d"]);
    await journal.commit();
    assert.deepEqual((await readAll(files.afterPowerCut())).texts, ["7:a", "7:b", "7:c", "7:d"]);
  });
}

test("a commit that joins a waiting write syncs", async () => {
  const files = new MemoryFiles();
  const journal = await newJournal(files);
  appendText(journal, "a");
  const running = journal.write();
  appendText(journal, "b");
  const waiting = journal.write();
  await Promise.all([running, waiting, journal.commit()]);
  assert.deepEqual((await readAll(files.afterPowerCut())).texts, ["7:a", "7:b"]);
});
