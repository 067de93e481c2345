import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAccounts, readAccounts } from "../../../exporter/sources/accounts.js";
import { createDiskTree } from "../../../exporter/sources/file-tree.js";
import { MemoryFiles } from "../../support/memory-files.js";

async function accountsOf(
  files: Record<string, string>,
): Promise<{ real: string[]; root: readonly string[] }> {
  const memory = new MemoryFiles();
  await memory.makeFolder("/etc/sudoers.d/nested");
  for (const [name, text] of Object.entries(files)) await memory.replace(`/etc/${name}`, text);
  const { real, withRootRights } = await readAccounts(createDiskTree("/", memory), 0);
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
    sudoers: "%sudo ALL=(ALL:ALL) ALL\n%ops ALL=(ALL) ALL",
  });
  assert.deepEqual(found, {
    real: ["pi", "ann", "bob"],
    root: ["root", "toor", "pi", "ann", "bob"],
  });
});

test("the groups of distributions count only where the sudoers files cannot be read", async () => {
  const group = "sudo:x:27:pi\nwheel:x:10:bob\n";
  const without = await accountsOf({ passwd: PASSWD, group });
  assert.deepEqual(without.root, ["root", "toor", "pi", "ann", "bob"]);
  const other = await accountsOf({ passwd: PASSWD, group, sudoers: "%wheel ALL=(ALL) ALL" });
  assert.deepEqual(other.root, ["root", "toor", "bob"]);
});

test("included files count in the order of sudo, relative ones beside the file that includes them", async () => {
  const { root } = await accountsOf({
    passwd: PASSWD,
    sudoers: "@include more\n#includedir /etc/sudoers.d",
    more: "ann ALL=(ALL) ALL",
    "sudoers.d/1": "bob ALL=(ALL) ALL\n@include nested/rules",
    "sudoers.d/2": "bob ALL=(ALL) !ALL",
    "sudoers.d/nested/rules": "pi ALL=(ALL) ALL",
  });
  assert.deepEqual(root, ["root", "toor", "pi", "ann"]);
});

test("sudoers files beyond the bound are counted, and their include loop ends", async () => {
  const memory = new MemoryFiles();
  memory.put("/etc/passwd", PASSWD);
  memory.put("/etc/sudoers", "@includedir /etc/sudoers.d\n@include /etc/sudoers");
  for (let index = 0; index < 1010; index++) memory.put(`/etc/sudoers.d/f${index}`, "");
  const accounts = await readAccounts(createDiskTree("/", memory), 0);
  assert.ok(accounts.sudoersFilesLeftOut >= 11, String(accounts.sudoersFilesLeftOut));
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
    sudoers: "@includedir /etc/sudoers.d",
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
  const { withRootRights } = await readAccounts(createDiskTree("/", memory), 0);
  assert.deepEqual(withRootRights, ["root", "toor"]);
  await assert.rejects(readAccounts(createDiskTree("/nowhere", memory), 0), { code: "ENOENT" });
});

test("lines of passwd and group count as the C library reads them", () => {
  const text = [
    "  ann:x:1000:1000::/h:/bin/sh",
    "hidden:x: 0:0::/:/bin/sh",
    "plus:x:+0:-0::/:/bin/sh",
    "hex:x:0x0:0::/:/bin/sh",
    "huge:x:4294967296:0::/:/bin/sh",
    " #c:x:0:0::/:/bin/sh",
    "short:x:0",
    "+nis:x:0:0::::",
  ];
  assert.deepEqual(parseAccounts(text.join("\n")), [
    { name: "ann", uid: 1000, gid: 1000 },
    { name: "hidden", uid: 0, gid: 0 },
    { name: "plus", uid: 0, gid: 0 },
  ]);
});
