import assert from "node:assert/strict";
import { test } from "node:test";
import type { Account } from "../../../exporter/sources/accounts.js";
import { createDiskTree } from "../../../exporter/sources/file-tree.js";
import { KnownLastLogins } from "../../../exporter/sources/last-logins.js";
import { MemoryFiles } from "../../support/memory-files.js";

const account = (name: string, uid: number): Account => ({ name, uid, gid: uid });

async function loginsOf(
  files: MemoryFiles,
  users: readonly Account[],
): Promise<[string, number][]> {
  const places = { root: createDiskTree("/", files), procfs: createDiskTree("/proc", files) };
  return [...(await new KnownLastLogins(places).read(users))].sort();
}

test("a machine without records has no logins", async () => {
  assert.deepEqual(await loginsOf(new MemoryFiles(), []), []);
});

function wtmp(users: readonly string[]): Buffer {
  return Buffer.concat(
    users.map((user, index) => {
      const bytes = Buffer.alloc(384);
      bytes.writeInt16LE(7, 0);
      bytes.write(user, 44);
      bytes.writeUInt32LE(1_768_228_001 + index, 340);
      return bytes;
    }),
  );
}

test("one user who logs in all the time does not hide the others in wtmp", async () => {
  const files = new MemoryFiles();
  const users = [account("ann", 1000), account("bob", 1001), account("cron", 1002)];
  const busy = Array.from({ length: 3000 }, () => "cron");
  files.put("/var/log/wtmp", wtmp(["ann", "bob", ...busy]));
  const names = (await loginsOf(files, users)).map(([name]) => name);
  assert.deepEqual(names, ["ann", "bob", "cron"]);
});

test("only the end of a long wtmp is read once enough users are found", async () => {
  const files = new MemoryFiles();
  const users = ["u1", "u2", "u3", "old"].map((name, index) => account(name, 1000 + index));
  const recent = Array.from({ length: 300 }, (_, index) => `u${1 + (index % 3)}`);
  files.put("/var/log/wtmp", wtmp([...Array.from({ length: 1000 }, () => "old"), ...recent]));
  const names = (await loginsOf(files, users)).map(([name]) => name);
  assert.deepEqual(names, ["u1", "u2", "u3"]);
});

/** A sparse lastlog file with the times of some user ids. */
function lastlog(width: 292 | 296, count: number, times: Readonly<Record<number, number>>): Buffer {
  const bytes = Buffer.alloc(width * count);
  for (const [uid, seconds] of Object.entries(times)) {
    const at = Number(uid) * width;
    if (width === 296) bytes.writeBigInt64LE(BigInt(seconds), at);
    else bytes.writeUInt32LE(seconds, at);
    bytes.write("pts/0", at + (width === 296 ? 8 : 4));
    bytes.write("192.168.1.20", at + (width === 296 ? 40 : 36));
  }
  return bytes;
}

const USERS = [account("root", 0)].concat(
  Array.from({ length: 22 }, (_, index) => account(`u${1000 + index}`, 1000 + index)),
);
const TIMES = { 0: 1_767_000_000, 1000: 1_767_000_500, 1005: 1_767_000_900, 1021: 1_767_000_100 };

for (const width of [292, 296] as const) {
  // 1022 * 296 is a multiple of 292, and 1036 * 292 one of 296.
  for (const count of [1022, 1023, 1036]) {
    for (const arch of ["aarch64", "armv7l", undefined]) {
      test(`lastlog is read by its content: ${count} records of ${width} bytes, ${arch}`, async () => {
        const files = new MemoryFiles();
        files.put("/var/log/lastlog", lastlog(width, count, TIMES));
        if (arch !== undefined) files.put("/proc/sys/kernel/arch", `${arch}\n`);
        assert.deepEqual(await loginsOf(files, USERS), [
          ["root", 1_767_000_000_000],
          ["u1000", 1_767_000_500_000],
          ["u1005", 1_767_000_900_000],
          ["u1021", 1_767_000_100_000],
        ]);
      });
    }
  }
}

test("a lastlog file without logins has none, in either width", async () => {
  const files = new MemoryFiles();
  files.put("/var/log/lastlog", Buffer.alloc(292 * 1000));
  assert.deepEqual(await loginsOf(files, USERS), []);
});
