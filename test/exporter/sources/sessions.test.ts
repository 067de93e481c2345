import assert from "node:assert/strict";
import { test } from "node:test";
import { createDiskTree, type FileTree } from "../../../exporter/sources/file-tree.js";
import { ttyName } from "../../../exporter/sources/session-tty.js";
import { readSessions, type Session } from "../../../exporter/sources/sessions.js";
import { MemoryFiles } from "../../support/memory-files.js";

const procfs: FileTree = {
  readText: async () => "",
  readBytes: async () => new Uint8Array(),
  exists: async (pid) => pid === "812",
  list: async () => [],
};

const sysfs: FileTree = { ...procfs, exists: async () => false };

async function machineWith(sessions: Record<string, string>): Promise<MemoryFiles> {
  const files = new MemoryFiles();
  await files.makeFolder("/run/systemd/sessions");
  for (const [id, text] of Object.entries(sessions))
    await files.replace(`/run/systemd/sessions/${id}`, text);
  return files;
}

const read = async (files: MemoryFiles): Promise<readonly Session[]> =>
  (await readSessions({ root: createDiskTree("/", files), procfs, sysfs })).sessions;

for (const { name, text, users } of [
  { name: "a person", text: "USER=pi\nCLASS=user\nSTATE=active\n", users: ["pi"] },
  {
    name: "a person with a light session",
    text: "USER=pi\nCLASS=user-light\nSTATE=online\n",
    users: ["pi"],
  },
  { name: "an old logind that tells no class", text: "UID=1000\nUSER=pi\n", users: ["pi"] },
  { name: "a greeter", text: "USER=lightdm\nCLASS=greeter\nSTATE=active\n", users: [] },
  { name: "a user manager", text: "USER=pi\nCLASS=manager\nSTATE=active\n", users: [] },
  { name: "a session that is closing", text: "USER=pi\nCLASS=user\nSTATE=closing\n", users: [] },
  {
    name: "a domain user as systemd 256 writes it",
    text: 'USER="EXAMPLE\\\\jdoe"\nCLASS=user\nREMOTE_HOST=fe80::1%eth0\n',
    users: ["EXAMPLE\\jdoe"],
  },
  {
    name: "a domain user as older systemd writes it",
    text: "USER=EXAMPLE\\jdoe\nCLASS=user\n",
    users: ["EXAMPLE\\jdoe"],
  },
  { name: "a quoted value", text: 'USER="p i"\nCLASS=user\n', users: ["p i"] },
  { name: "an empty file", text: "", users: [] },
  { name: "rubbish", text: "\u0000=\n====\nUSER", users: [] },
]) {
  test(`sessions of people are read from logind: ${name}`, async () => {
    const sessions = await read(await machineWith({ "1": text }));
    assert.deepEqual(
      sessions.map(({ user }) => user),
      users,
    );
  });
}

test("the pipe beside a session file is never opened", async () => {
  const files = await machineWith({
    "3": "USER=pi\nCLASS=user\n",
    "3.ref": "USER=evil\nCLASS=user\n",
  });
  const opened: string[] = [];
  files.fault = (operation, filePath) => {
    if (operation === "read") opened.push(filePath);
    return undefined;
  };
  assert.equal((await read(files)).length, 1);
  assert.ok(!opened.some((filePath) => filePath.endsWith(".ref")), opened.join(" "));
});

test("a session that ends while it is read hides no other session", async () => {
  const files = await machineWith({ "1": "USER=pi\nCLASS=user\n", "2": "USER=ann\nCLASS=user\n" });
  files.fault = (operation, filePath) =>
    operation === "read" && filePath.endsWith("/1") ? "ENOENT" : undefined;
  assert.deepEqual(
    (await read(files)).map(({ user }) => user),
    ["ann"],
  );
});

test("a machine without utmp and logind has no sessions", async () => {
  assert.deepEqual(await read(new MemoryFiles()), []);
});

/** A utmp with one session of process 812. */
function utmp(): MemoryFiles {
  const files = new MemoryFiles();
  const bytes = Buffer.alloc(384);
  bytes.writeInt16LE(7, 0);
  bytes.writeInt32LE(900, 4);
  bytes.write("pts/0", 8);
  bytes.write("ann", 44);
  bytes.writeUInt32LE(1_768_228_001, 340);
  files.put("/run/utmp", bytes);
  return files;
}

interface Visibility {
  readonly name: string;
  readonly visible: readonly string[];
  readonly alive: readonly number[] | undefined;
  readonly sessions: number | undefined;
}

const VISIBILITIES: readonly Visibility[] = [
  { name: "of a process that lasts", visible: ["1", "900"], alive: undefined, sessions: 1 },
  { name: "of a process that has ended", visible: ["1"], alive: undefined, sessions: 0 },
  { name: "of a process that is hidden", visible: [], alive: [900], sessions: 1 },
  { name: "of a hidden process that has ended", visible: [], alive: [], sessions: 0 },
  { name: "that cannot be known", visible: [], alive: undefined, sessions: undefined },
];
for (const { name, visible, alive, sessions } of VISIBILITIES) {
  test(`a login record is a session ${name}`, async () => {
    const tree: FileTree = { ...procfs, exists: async (pid) => visible.includes(pid) };
    const read = readSessions({
      root: createDiskTree("/", utmp()),
      procfs: tree,
      sysfs,
      isProcessAlive: alive && ((pid) => alive.includes(pid)),
    });
    if (sessions === undefined) await assert.rejects(read, /hidepid/);
    else assert.equal((await read).sessions.length, sessions);
  });
}

const stat = (ttyNr: number): string => `812 (a ) b) S 1 812 812 ${ttyNr} 812 4194560 0`;
const treeOf = (texts: Readonly<Record<string, string>>): FileTree => ({
  ...procfs,
  readText: async (filePath) => {
    const text = texts[filePath];
    if (text === undefined) throw Object.assign(new Error("gone"), { code: "ENOENT" });
    return text;
  },
});
const CGROUP = "fs/cgroup/user.slice/user-1000.slice/session-3.scope/cgroup.procs";

for (const { name, text, stats, tty } of [
  {
    name: "of the first process that has one, for a session of sshd",
    text: "USER=pi\nUID=1000\nSCOPE=session-3.scope\n",
    stats: { "810/stat": stat(0), "811/stat": stat(0), "812/stat": stat(34_817) },
    tty: "pts/1",
  },
  {
    name: "of the file, where it names one",
    text: "USER=pi\nUID=1000\nSCOPE=session-3.scope\nTTY=tty1\n",
    stats: { "812/stat": stat(34_817) },
    tty: "tty1",
  },
  {
    name: "none when all processes have ended",
    text: "USER=pi\nUID=1000\nSCOPE=session-3.scope\n",
    stats: {},
    tty: "",
  },
  {
    name: "none when the names lead elsewhere",
    text: "USER=pi\nUID=1000\nSCOPE=../../session-3.scope\n",
    stats: { "812/stat": stat(34_817) },
    tty: "",
  },
]) {
  test(`the terminal of a session of logind: ${name}`, async () => {
    const root = createDiskTree("/", await machineWith({ "3": text }));
    const { sessions } = await readSessions({
      root,
      procfs: treeOf(stats),
      sysfs: treeOf({ [CGROUP]: "810\n811\n812\n" }),
    });
    assert.deepEqual(
      sessions.map((session) => session.tty),
      [tty],
    );
  });
}

for (const { ttyNr, name } of [
  { ttyNr: 0, name: "" },
  { ttyNr: 34_816, name: "pts/0" },
  { ttyNr: 35_072, name: "pts/256" },
  { ttyNr: 34_816 + (1 << 20), name: "pts/256" },
  { ttyNr: 1025, name: "tty1" },
  { ttyNr: 1088, name: "ttyS0" },
  { ttyNr: 52_288, name: "ttyAMA0" },
  { ttyNr: 48_128, name: "ttyUSB0" },
]) {
  test(`the number ${ttyNr} in /proc/<pid>/stat is the terminal "${name}"`, () =>
    assert.equal(ttyName(ttyNr), name));
}
