import assert from "node:assert/strict";
import { test } from "node:test";
import { parseSudoers, readAccounts } from "../../../exporter/sources/accounts.js";
import { createDiskTree } from "../../../exporter/sources/file-tree.js";
import { MemoryFiles } from "../../support/memory-files.js";

const SUDOERS: readonly { name: string; text: string; users?: string[]; groups?: string[] }[] = [
  { name: "a user with all rights", text: "pi ALL=(ALL) NOPASSWD: ALL", users: ["pi"] },
  { name: "a group", text: "%wheel ALL=(ALL:ALL) ALL", groups: ["wheel"] },
  {
    name: "a list with spaces",
    text: "ann, bob,%ops ALL = ALL",
    users: ["ann", "bob"],
    groups: ["ops"],
  },
  { name: "a user id", text: "#1001 ALL=(ALL) ALL", users: ["#1001"] },
  { name: "single commands only", text: "bob ALL=(root) NOPASSWD: /usr/sbin/reboot, /usr/bin/apt" },
  { name: "a command in a folder named ALL", text: "bob ALL=/opt/ALL/run" },
  { name: "all after single commands", text: "bob ALL=/bin/ls, ALL", users: ["bob"] },
  { name: "all but a shell", text: "bob ALL=ALL, !/bin/sh", users: ["bob"] },
  {
    name: "an alias",
    text: "User_Alias ADMINS = ann, %ops\nADMINS ALL=(ALL) ALL",
    users: ["ann"],
    groups: ["ops"],
  },
  { name: "a continued line", text: "ann \\\n  ALL=(ALL) ALL", users: ["ann"] },
  {
    name: "comments, defaults and includes",
    text: "# ann ALL=ALL\nDefaults env_reset\n@includedir /etc/sudoers.d\nbob ALL=ALL # yes",
    users: ["bob"],
  },
  { name: "everybody, a netgroup and an excluded user", text: "ALL, +net, !eve ALL=ALL" },
  { name: "rubbish", text: "=\n===\nroot\n\u0000\u0001 ALL" },
];
for (const { name, text, users = [], groups = [] } of SUDOERS) {
  test(`sudoers files define who may become root: ${name}`, () => {
    const rights = parseSudoers(text);
    assert.deepEqual({ users: [...rights.users], groups: [...rights.groups] }, { users, groups });
  });
}

async function accountsOf(
  files: Record<string, string>,
): Promise<{ real: string[]; root: readonly string[] }> {
  const memory = new MemoryFiles();
  await memory.makeFolder("/etc/sudoers.d");
  for (const [name, text] of Object.entries(files)) await memory.replace(`/etc/${name}`, text);
  const { real, withRootRights } = await readAccounts(createDiskTree("/", memory));
  return { real: real.map(({ name }) => name), root: withRootRights };
}

const PASSWD = [
  "root:x:0:0:root:/root:/bin/bash",
  "toor:x:0:0::/root:/bin/sh",
  "daemon:x:1:1::/:/usr/sbin/nologin",
  "pi:x:1000:1000:,,,:/home/pi:/bin/bash",
  "ann:x:1001:27::/home/ann:/bin/bash",
  "bob:x:1002:1002::/home/bob:/bin/bash",
  "nobody:x:65534:65534::/:/usr/sbin/nologin",
  "# comment",
  "+::::::",
  "broken:x:abc:1::/:",
  "",
  ":::",
].join("\n");

test("root rights come from user id, group, primary group and sudoers", async () => {
  const found = await accountsOf({
    passwd: PASSWD,
    group: "sudo:x:27:pi, ghost\nops:x:40:bob\nbroken\n",
    sudoers: "%ops ALL=(ALL) ALL",
  });
  assert.deepEqual(found, {
    real: ["pi", "ann", "bob"],
    root: ["root", "toor", "pi", "ann", "bob"],
  });
});

test("the range of user ids comes from login.defs", async () => {
  const { real } = await accountsOf({
    passwd: PASSWD,
    "login.defs": "#UID_MIN 1\nUID_MIN\t1001\n UID_MAX 1001\n",
  });
  assert.deepEqual(real, ["ann"]);
});

test("files in sudoers.d that sudo ignores do not count", async () => {
  const rule = "bob ALL=(ALL) ALL";
  const { root } = await accountsOf({
    passwd: PASSWD,
    "sudoers.d/old.bak": rule,
    "sudoers.d/edit~": rule,
  });
  assert.deepEqual(root, ["root", "toor"]);
});

test("unreadable sudoers files count as missing, a missing passwd file is an error", async () => {
  const memory = new MemoryFiles();
  await memory.makeFolder("/etc");
  await memory.replace("/etc/passwd", PASSWD);
  memory.fault = (_, filePath) => (filePath.includes("sudoers") ? "EACCES" : undefined);
  const { withRootRights } = await readAccounts(createDiskTree("/", memory));
  assert.deepEqual(withRootRights, ["root", "toor"]);
  await assert.rejects(readAccounts(createDiskTree("/nowhere", memory)), { code: "ENOENT" });
});
