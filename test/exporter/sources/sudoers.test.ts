/** The meaning of sudoers files, by the rules of sudoers(5). */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { readAccounts } from "../../../exporter/sources/accounts.js";
import { createDiskTree } from "../../../exporter/sources/file-tree.js";
import { MemoryFiles } from "../../support/memory-files.js";
import { FIXTURES } from "../../support/repository.js";

/** uid of each name from 1000 on; group `ops` (40) has ann, group `wheel` (10) has bob. */
const NAMES = ["ann", "bob", "eve", "EXAMPLE\\jdoe", "p i"];
const PASSWD = ["root:x:0:0::/root:/bin/sh"]
  .concat(NAMES.map((name, index) => `${name}:x:${1000 + index}:${1000 + index}::/h:/bin/sh`))
  .join("\n");

const NOW_MS = Date.parse("2026-06-01T00:00:00Z");

/** @param others further files below /etc */
async function usersOf(
  sudoers: string,
  hostname = "pi1",
  others: Readonly<Record<string, string>> = {},
): Promise<readonly string[]> {
  const files = new MemoryFiles();
  for (const [name, text] of Object.entries(others)) files.put(`/etc/${name}`, text);
  files.put("/etc/passwd", PASSWD);
  files.put("/etc/group", "ops:x:40:ann\nwheel:x:10:bob\n");
  files.put("/etc/hostname", `${hostname}\n`);
  files.put("/etc/sudoers", sudoers);
  const { withRootRights } = await readAccounts(createDiskTree("/", files), NOW_MS);
  return withRootRights.slice(1);
}

for (const { name, text, users = [] } of [
  { name: "a user with all rights", text: "ann ALL=(ALL) NOPASSWD: ALL", users: ["ann"] },
  { name: "no user to become is root", text: "ann ALL=ALL", users: ["ann"] },
  { name: "a group", text: "%wheel ALL=(ALL:ALL) ALL", users: ["bob"] },
  { name: "a group by its id", text: "%#10 ALL=(ALL:ALL) ALL", users: ["bob"] },
  { name: "a list with spaces", text: "ann, bob,%no ALL = ALL", users: ["ann", "bob"] },
  { name: "a user id", text: "#1001 ALL=(ALL) ALL", users: ["bob"] },
  { name: "a comment that looks like one", text: "# 1001 ALL=(ALL) ALL" },
  { name: "a number in a comment", text: "ann ALL=(ALL) ALL #1001 ALL=ALL", users: ["ann"] },
  { name: "single commands only", text: "bob ALL=(root) NOPASSWD: /usr/sbin/reboot, /usr/bin/apt" },
  { name: "a command in a folder named ALL", text: "bob ALL=/opt/ALL/run" },
  { name: "an argument ALL", text: "bob ALL=/bin/run ALL" },
  { name: "all after single commands", text: "bob ALL=/bin/ls, ALL", users: ["bob"] },
  { name: "all but a shell", text: "bob ALL=ALL, !/bin/sh", users: ["bob"] },
  { name: "all, then none", text: "bob ALL=ALL, !ALL" },
  { name: "a later rule takes the right", text: "bob ALL=(ALL) ALL\nbob ALL=(ALL) !ALL" },
  { name: "another user than root", text: "bob ALL=(www-data) NOPASSWD: ALL" },
  { name: "another user and group", text: "bob ALL=(postgres:postgres) ALL" },
  { name: "another group only", text: "bob ALL=(:disk) ALL" },
  { name: "an empty user to become", text: "bob ALL=() ALL" },
  { name: "root by id", text: "bob ALL=(#0) ALL", users: ["bob"] },
  { name: "everybody but root", text: "bob ALL=(ALL, !root) ALL" },
  { name: "spaces among the users to become", text: "bob ALL=( ALL, root ) /usr/bin/systemctl" },
  {
    name: "users to become change between commands",
    text: "bob ALL=(www-data) /bin/ls, (root) ALL",
    users: ["bob"],
  },
  {
    name: "users to become stay for later commands",
    text: "bob ALL=(www-data) NOPASSWD: /bin/ls, ALL",
  },
  {
    name: "several tags and options",
    text: "bob ALL=(ALL) CWD=/tmp NOPASSWD: SETENV: ALL",
    users: ["bob"],
  },
  {
    name: "an alias of users",
    text: "User_Alias ADMINS = ann, %wheel\nADMINS ALL=(ALL) ALL",
    users: ["ann", "bob"],
  },
  {
    name: "an alias defined after its use, several on a line, and one in another",
    text: "A ALL=(ALL) ALL\nUser_Alias B = ann : A = B, bob, !ann",
    users: ["bob"],
  },
  {
    name: "an alias of commands",
    text: "Cmnd_Alias ANY = ALL\nbob ALL=(ALL) NOPASSWD: ANY",
    users: ["bob"],
  },
  { name: "an alias of single commands", text: "Cmnd_Alias ONE = /bin/ls\nbob ALL=(ALL) ONE" },
  {
    name: "an alias of users to become",
    text: "Runas_Alias DB = postgres, mysql\nRunas_Alias R = root\nbob ALL=(DB) ALL\nann ALL=(R) ALL",
    users: ["ann"],
  },
  {
    name: "rules for other machines",
    text: "Host_Alias WEB = web1, web2\nann WEB=(ALL) ALL\nbob pi*=(ALL) ALL\neve !pi1,ALL=ALL",
    users: ["bob", "eve"],
  },
  { name: "all machines but this one", text: "eve ALL, !pi1 = ALL" },
  {
    name: "several machines in one rule",
    text: "ann web1 = ALL : pi1 = /bin/ls\nbob web1 = /bin/ls : pi1 = (ALL) NOPASSWD: ALL",
    users: ["bob"],
  },
  { name: "a continued line", text: "ann \\\n  ALL=(ALL) ALL", users: ["ann"] },
  { name: "a domain user", text: "EXAMPLE\\\\jdoe ALL=(ALL) ALL", users: ["EXAMPLE\\jdoe"] },
  { name: "a quoted user", text: '"p i" ALL=(ALL) ALL', users: ["p i"] },
  { name: "an escaped space", text: "p\\ i ALL=(ALL) ALL", users: ["p i"] },
  {
    name: "comments, defaults and includes",
    text: "# ann ALL=ALL\nDefaults env_reset\n@includedir /etc/sudoers.d\nbob ALL=ALL # yes",
    users: ["bob"],
  },
  {
    name: "everybody but one",
    text: "ALL, +net, !eve ALL=ALL",
    users: NAMES.filter((one) => one !== "eve"),
  },
  { name: "a backslash at the end of a comment", text: "# ann \\\nbob ALL=ALL", users: ["bob"] },
  {
    name: "a backslash at the end of a comment after a rule",
    text: "ann ALL=ALL # x \\\nbob ALL=ALL",
    users: ["ann", "bob"],
  },
  {
    name: "one name for aliases of two kinds",
    text: "User_Alias OPS = ann\nRunas_Alias OPS = root\nCmnd_Alias OPS = ALL\nOPS ALL=(OPS) OPS",
    users: ["ann"],
  },
  {
    name: "an alias defined twice, which sudo refuses",
    text: "User_Alias A = ann\nUser_Alias A = bob\nA ALL=ALL",
    users: ["ann"],
  },
  {
    name: "a chain of 30 aliases",
    text: Array.from({ length: 30 }, (_, index) => `User_Alias A${index} = A${index + 1}`)
      .concat("User_Alias A30 = bob", "A0 ALL=ALL")
      .join("\n"),
    users: ["bob"],
  },
  {
    name: "aliases that contain each other, and many times",
    text: Array.from(
      { length: 40 },
      (_, index) => `User_Alias A${index} = A${index + 1}, A${index + 1}`,
    )
      .concat("User_Alias A40 = A0, ann", "A0 ALL=ALL")
      .join("\n"),
    users: ["ann"],
  },
  {
    name: "another default user to become",
    text: "bob ALL=ALL\nann ALL=(root) ALL\nDefaults env_reset, runas_default = www-data",
    users: ["ann"],
  },
  {
    name: "another default user to become, for some users or hosts",
    text: "Defaults:ann,bob runas_default=www-data\nDefaults@web1 runas_default=x\nann ALL=ALL\neve ALL=ALL",
    users: ["eve"],
  },
  {
    name: "rights that have ended or not begun",
    text: "ann ALL=(ALL) NOTAFTER=20200101000000Z ALL\nbob ALL=NOTBEFORE=20200101Z NOTAFTER=2999010100Z ALL\neve ALL=NOTBEFORE=29990101000000+0100 /bin/ls, ALL",
    users: ["bob"],
  },
  {
    name: "root by id with zeros",
    text: "bob ALL=(#00) ALL\n#01000 ALL=ALL",
    users: ["ann", "bob"],
  },
  { name: "a set in the pattern of a host", text: "bob p[a-jq]1=ALL", users: ["bob"] },
  { name: "a regular expression for every command", text: "bob ALL=(ALL) ^.*$", users: ["bob"] },
  { name: "ALL in quotes is a name", text: '"ann" "ALL"=(ALL) ALL' },
  { name: "everybody who knows root's password", text: "Defaults targetpw\nALL ALL=(ALL) ALL" },
  { name: "rubbish", text: "=\n===\nroot\n\u0000\u0001 ALL\n((((:\nann ALL=((ALL\n" },
]) {
  test(`sudoers files say who may become root: ${name}`, async () => {
    assert.deepEqual(await usersOf(text), users);
  });
}

for (const { name, text, others, users = [] } of [
  {
    name: "where it is included, so a later rule takes the right",
    text: "@includedir /etc/sudoers.d\nbob ALL=(ALL) !ALL",
    others: { "sudoers.d/a": "bob ALL=(ALL) ALL\nann ALL=ALL" },
    users: ["ann"],
  },
  {
    name: "with the name of the host in its path",
    text: "@include /etc/sudoers.%h",
    others: { "sudoers.pi1": "ann ALL=ALL" },
    users: ["ann"],
  },
  {
    name: "with a comment after its path, and a quoted path",
    text: '#include sudoers.x # yes\n@include "/etc/su doers" # yes',
    others: { "sudoers.x": "ann ALL=ALL", "su doers": "bob ALL=ALL" },
    users: ["ann", "bob"],
  },
  {
    name: "not from a folder or an empty file among the files",
    text: "@includedir /etc/sudoers.d\nann ALL=ALL",
    others: { "sudoers.d/folder/a": "eve ALL=ALL", "sudoers.d/pipe": "" },
    users: ["ann"],
  },
] satisfies readonly {
  name: string;
  text: string;
  others: Record<string, string>;
  users?: string[];
}[]) {
  test(`a file that sudoers includes counts ${name}`, async () => {
    assert.deepEqual(await usersOf(text, "pi1.example.com", others), users);
  });
}

test("without a hostname, rules for any machine count", async () => {
  assert.deepEqual(await usersOf("ann web1=(ALL) ALL", ""), ["ann"]);
});

test("the specimen of rules for other users and of an alias for all commands", async () => {
  const folder = path.join(FIXTURES, "sudoers");
  const files = new MemoryFiles();
  files.put("/etc/passwd", readFileSync(path.join(folder, "passwd")));
  files.put("/etc/sudoers", readFileSync(path.join(folder, "sudoers")));
  const { withRootRights } = await readAccounts(createDiskTree("/", files), NOW_MS);
  assert.deepEqual(withRootRights, ["root", "all1"]);
});
