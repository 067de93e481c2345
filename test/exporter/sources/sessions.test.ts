import assert from "node:assert/strict";
import { test } from "node:test";
import { createDiskTree, type FileTree } from "../../../exporter/sources/file-tree.js";
import { readLastLogins, readSessions } from "../../../exporter/sources/sessions.js";
import { MemoryFiles } from "../../support/memory-files.js";

const procfs: FileTree = {
  readText: async () => "",
  readBytes: async () => new Uint8Array(),
  exists: async (pid) => pid === "812",
  list: async () => [],
};

async function machineWith(sessions: Record<string, string>): Promise<MemoryFiles> {
  const files = new MemoryFiles();
  await files.makeFolder("/run/systemd/sessions");
  for (const [id, text] of Object.entries(sessions))
    await files.replace(`/run/systemd/sessions/${id}`, text);
  return files;
}

const read = (files: MemoryFiles): ReturnType<typeof readSessions> =>
  readSessions({ root: createDiskTree("/", files), procfs });

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
  const files = new MemoryFiles();
  assert.deepEqual(await read(files), []);
  assert.deepEqual(await readLastLogins(createDiskTree("/", files), []), new Map());
});

test("only the end of a long wtmp is read", async () => {
  const files = new MemoryFiles();
  await files.makeFolder("/var/log");
  const login = (user: string): Buffer => {
    const bytes = Buffer.alloc(384);
    bytes.writeInt16LE(7, 0);
    bytes.write(user, 44);
    bytes.writeUInt32LE(1_768_228_001, 340);
    return bytes;
  };
  const old = Array.from({ length: 1000 }, () => login("old"));
  await files.replace(
    "/var/log/wtmp",
    Buffer.concat([...old, ...old.slice(0, 300).map(() => login("new"))]),
  );
  const users = [...(await readLastLogins(createDiskTree("/", files), [])).keys()];
  assert.deepEqual(users, ["new"]);
});
