import assert from "node:assert/strict";
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { pihealth, runCommand } from "../../support/command-line.js";
import { REPOSITORY } from "../../support/repository.js";

const folder = mkdtempSync(path.join(tmpdir(), "pihealth-cli-"));
after(() => rmSync(folder, { recursive: true, force: true }));

for (const { name, args, says, usage } of [
  {
    name: "an unknown command",
    args: ["nonsense"],
    says: /^error: unknown command 'nonsense'\n\n/,
    usage: /^Usage: pihealth \[/m,
  },
  {
    name: "a command with a typing error",
    args: ["qurey", "up"],
    says: /^error: unknown command 'qurey'\n\(Did you mean query\?\)\n/,
    usage: /^Usage: pihealth \[/m,
  },
  {
    name: "an unknown command with --help",
    args: ["nonsense", "--help"],
    says: /^error: unknown command 'nonsense'\n/,
    usage: /^Usage: pihealth \[/m,
  },
  {
    name: "help about an unknown command",
    args: ["help", "nonsense"],
    says: /^error: unknown command 'nonsense'\n/,
    usage: /^Usage: pihealth \[/m,
  },
  {
    name: "an unknown subcommand",
    args: ["check", "confg"],
    says: /^error: unknown command 'confg'\n\(Did you mean config\?\)\n/,
    usage: /^Usage: pihealth check \[/m,
  },
  { name: "no subcommand", args: ["silence"], says: /^Usage/, usage: /^Usage: pihealth silence /m },
  {
    name: "an unknown option",
    args: ["check", "metrics", "--fromat", "text"],
    says: /^error: unknown option '--fromat'\n\(Did you mean --format\?\)\n/,
    usage: /^Usage: pihealth check metrics /m,
  },
  {
    name: "a value that is not a choice",
    args: ["check", "metrics", "--format", "json"],
    says: /argument 'json' is invalid\. Allowed choices are text, openmetrics/,
    usage: /^Usage: pihealth check metrics /m,
  },
  {
    name: "a missing argument",
    args: ["query"],
    says: /^error: missing required argument 'expression'\n/,
    usage: /^Usage: pihealth query /m,
  },
  {
    name: "an argument too many",
    args: ["query", "up", "down"],
    says: /^error: too many arguments for 'query'/,
    usage: /^Usage: pihealth query /m,
  },
  {
    name: "no family",
    args: ["get"],
    says: /^error: no family is given \(pihealth get --list lists them\)\n/,
    usage: /^Usage: pihealth get /m,
  },
  {
    name: "an unknown option of the exporter",
    args: ["exporter", "--bogus"],
    says: /^Cannot read the command line: Unknown option '--bogus'\n/,
    usage: /^Usage: pihealth exporter /m,
  },
  {
    name: "an unknown option of the scraper",
    args: ["scraper", "--bogus"],
    says: /^Cannot read the command line: Unknown option '--bogus'\n/,
    usage: /^Usage: pihealthd /m,
  },
  {
    name: "a log level that is none",
    args: ["exporter", "--log-level", "loud"],
    says: /^Cannot use log level "loud": it must be error, warn, info or debug\n/,
    usage: /^Usage: pihealth exporter /m,
  },
  { name: "nothing at all", args: [], says: /^Usage/, usage: /^Usage: pihealth \[/m },
]) {
  test(`A command line that is not valid ends with 2, and the usage on standard error: ${name}`, async () => {
    const { code, stdout, stderr } = await pihealth(...args);
    assert.match(stderr, says);
    assert.match(stderr, usage);
    assert.equal(stdout, "");
    assert.equal(code, 2);
  });
}

for (const args of [["--help"], ["-h"], ["help"]]) {
  test(`pihealth ${args.join(" ")} lists the commands on standard output and ends with 0`, async () => {
    const { code, stdout, stderr } = await pihealth(...args);
    assert.match(stdout, /^Usage: pihealth \[/);
    assert.match(stdout, /^ {2}query \[options\] <expression>/m);
    assert.deepEqual([code, stderr], [0, ""]);
  });
}

for (const args of [["\u001b[2Jx"], ["query", "--x\u001b[2J\u202e"], ["get", "\u0007"]]) {
  test(`An error about ${JSON.stringify(args)} has no terminal escape`, async () => {
    const { stdout, stderr } = await pihealth(...args);
    assert.doesNotMatch(stdout + stderr, /(?!\n)[\p{Cc}\p{Cf}]/u);
    assert.match(stderr, /\\u00/);
  });
}

test("Each command has its own help, by --help and by help", async () => {
  const { stdout } = await pihealth("--help");
  const commands = [...stdout.matchAll(/^ {2}(\w+) /gm)].flatMap(([, name = ""]) =>
    name === "help" ? [] : [name],
  );
  assert.deepEqual(commands, [
    ...["exporter", "get", "history", "check", "scraper", "query", "convert", "test"],
    ...["silence", "mail", "doctor", "gaps", "import"],
  ]);
  for (const name of commands) {
    const help = await pihealth(name, "--help");
    assert.match(help.stdout, /^Usage: pihealth/, name);
    assert.deepEqual([help.code, help.stderr], [0, ""], name);
  }
  assert.deepEqual(await pihealth("help", "scraper"), await pihealth("scraper", "--help"));
  assert.deepEqual(await pihealth("help", "check", "data"), await pihealth("check", "data", "-h"));
});

test("check metrics ends with 0 for valid metrics, with 1 for others", async () => {
  const file = path.join(folder, "metrics.txt");
  writeFileSync(file, "a 1\n");
  const valid = await pihealth("check", "metrics", file);
  assert.deepEqual([valid.code, valid.stderr], [0, ""]);
  assert.match(valid.stdout, /^SUCCESS: .*metrics\.txt is valid as Prometheus text/);
  writeFileSync(file, "a 1\na 1\n");
  const repeated = await pihealth("check", "metrics", file);
  assert.equal(repeated.code, 1);
  assert.match(repeated.stdout, /metrics\.txt:2: the sample is repeated/);
});

test("An exporter without the scraper has its own commands, and says that the others are missing", async () => {
  const alone = path.join(folder, "alone");
  cpSync(path.join(REPOSITORY, "dist/exporter"), path.join(alone, "dist/exporter"), {
    recursive: true,
  });
  cpSync(path.join(REPOSITORY, "package.json"), path.join(alone, "package.json"));
  symlinkSync(path.join(REPOSITORY, "node_modules"), path.join(alone, "node_modules"));
  const run = (...args: string[]) =>
    runCommand(process.execPath, [path.join(alone, "dist/exporter/program/cli.js"), ...args]);
  const help = await run("--help");
  assert.equal(help.code, 0);
  assert.match(help.stdout, /^The scraper is not installed here: its commands are missing\.$/m);
  assert.doesNotMatch(help.stdout, /^ {2}query/m);
  assert.match((await run("check", "--help")).stdout, /^ {2}metrics /m);
  const query = await run("query", "up");
  assert.equal(query.code, 2);
  assert.match(query.stderr, /^error: unknown command 'query'\n/);
  assert.match(query.stderr, /^The scraper is not installed here/m);
});
