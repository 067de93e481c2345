import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, test } from "node:test";
import { ChildProgram, waitFor } from "../support/child-program.js";
import { runCommand } from "../support/command-line.js";
import { freePort } from "../support/loopback-servers.js";
import { REPOSITORY } from "../support/repository.js";
import { checkExporterState } from "../../exporter/program/check-state-command.js";
import { realFiles } from "../../exporter/shared/platform/real-files.js";
import { checkDataFolder } from "../../scraper/program/commands/check-data.js";
import { EXPORTER_FILES, SCRAPER_FILES, type StateFile } from "./state-files.js";

/**
 * Both real programs started over damaged state. Every state file gets every damage; one start has
 * one damage in each file, so there are as many starts as damages.
 */
const root = fs.mkdtempSync(path.join(tmpdir(), "pihealth-damaged-state-"));
const ZEROS_BYTES = 20 * 1024 * 1024;

type Damage = (file: string) => void;

const instead =
  (make: Damage): Damage =>
  (file) => {
    fs.rmSync(file, { recursive: true, force: true });
    make(file);
  };

const DAMAGES: Readonly<Record<string, Damage>> = {
  folder: instead((file) => {
    fs.mkdirSync(file);
    fs.writeFileSync(path.join(file, "mine"), "of a person\n");
  }),
  "dangling link": instead((file) => fs.symlinkSync(path.join(root, "nowhere/at all"), file)),
  pipe: instead((file) => execFileSync("mkfifo", [file])),
  "link to a device": instead((file) => fs.symlinkSync("/dev/full", file)),
  "no permission": (file) => fs.chmodSync(file, 0),
  "empty file": (file) => fs.truncateSync(file),
  "rubbish bytes": (file) => fs.writeFileSync(file, Buffer.from("00ff1b5b324a0a80c3280a", "hex")),
  "truncated content": (file) => fs.truncateSync(file, Math.floor(fs.statSync(file).size / 2)),
  "another shape": (file) => fs.writeFileSync(file, '{"version":1,"v":1,"id":[7]}\n'),
  "20 MB of zeros": (file) => {
    fs.truncateSync(file);
    // All files of JSON lines have one reader.
    fs.truncateSync(file, /alerting\/al|rules\/.*l$/.test(file) ? 1024 : ZEROS_BYTES);
  },
};

/** A folder that this user may not enter stays, because its content is intact. */
const FOLDER_DAMAGES: typeof DAMAGES = {
  file: instead((file) => fs.writeFileSync(file, "mine\n")),
  "dangling link": instead((file) => fs.symlinkSync(path.join(root, "nowhere/at all"), file)),
  "no permission": (file) => {
    fs.mkdirSync(file, { recursive: true });
    fs.chmodSync(file, 0);
  },
};

/**
 * Root may read everything. A program without these rights may not, whether the test is run by root
 * or not.
 */
const ORDINARY: readonly string[] =
  process.getuid?.() === 0 ? ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] : [];

function startOurs(script: string, args: readonly string[]): ChildProgram {
  const command = [...ORDINARY, process.execPath, path.join(REPOSITORY, "dist", script), ...args];
  return new ChildProgram(command[0] ?? "", command.slice(1));
}

/** The lines of `pihealth check`, with the rights of an ordinary user where that matters. */
async function check(program: Program, folder: string, asOrdinary: boolean): Promise<string> {
  if (!asOrdinary) return (await program.check(folder)).lines.join("\n");
  const cli = path.join(REPOSITORY, "dist/exporter/program/cli.js");
  const command = [...ORDINARY, process.execPath, cli, "check", program.checkName, folder];
  const { stdout, stderr } = await runCommand(command[0] ?? "", command.slice(1));
  return stdout + stderr;
}

function fill(folder: string, files: readonly StateFile[]): void {
  for (const { file, content } of files) {
    fs.mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
    fs.writeFileSync(path.join(folder, file), content);
  }
}

/** Runs a program until it has started, then stops it. */
async function runOnce(script: string, args: readonly string[]): Promise<string> {
  const listen = `--listen-address=127.0.0.1:${await freePort()}`;
  const program = startOurs(script, [...args, listen]);
  const hasStarted = (): true | undefined => /msg="\w+ started"/.test(program.text) || undefined;
  const started = waitFor("start", hasStarted, { describe: () => program.text });
  const ended = program.exited.then(() => assert.fail(`ended early\n${program.text}`));
  try {
    await Promise.race([started, ended]);
  } finally {
    ended.catch(() => undefined);
    await program.stop();
  }
  assert.equal((await program.exited).code, 0, program.text);
  return program.text;
}

interface Program {
  readonly name: string;
  readonly files: readonly StateFile[];
  /** Folders of state, each list for one start. */
  readonly folders: readonly (readonly string[])[];
  readonly checkName: "data" | "state";
  check(folder: string): Promise<{ readonly lines: readonly string[] }>;
  run(folder: string): Promise<string>;
}

const PROGRAMS: readonly Program[] = [
  {
    name: "scraper",
    files: SCRAPER_FILES,
    folders: [
      ["journal", "rules", "alerting/outbox", "hosts/10.0.0.7"],
      ["hosts", "alerting"],
    ],
    checkName: "data",
    check: (folder) => checkDataFolder(folder, realFiles),
    run(folder) {
      const config = `${folder}.yml`;
      fs.writeFileSync(config, `storage: { path: "${folder}" }\nscrape_configs: []\n`);
      return runOnce("scraper/program/main.js", [`--config=${config}`]);
    },
  },
  {
    name: "exporter",
    files: EXPORTER_FILES,
    folders: [["history", "outbox"]],
    checkName: "state",
    check: (folder) => checkExporterState(folder, realFiles),
    run(folder) {
      const args = [`--state=${folder}`, "--master=http://127.0.0.1:1"];
      return runOnce("exporter/program/main.js", args);
    },
  },
];

after(() => {
  execFileSync("chmod", ["-R", "u+rwX", root]);
  fs.rmSync(root, { recursive: true, force: true });
});

const linesOfProblems = (text: string): string[] =>
  text
    .split("\n")
    .filter((line) => /level=(warn|error)|^(DAMAGED|NO PERM|MISSING|NOTE)/.test(line));

/** Warnings and errors in a log about a file. */
const logged = (log: string, file: string): string[] =>
  log
    .split("\n")
    .filter((line) => /level=(warn|error)/.test(line) && line.split(/[ "=]/).includes(file));

/** Lines of a check about a file, or about a copy of it. */
const checked = (report: string, heading: string, file: string): string[] =>
  report
    .split("\n")
    .filter(
      (line) =>
        line.startsWith(`${heading}: ${file}`) &&
        !/^[-\w]/.test(line.slice(heading.length + 2 + file.length)),
    );

/** What was moved aside from a path, or copied. */
function asideOf(folder: string, file: string): string[] {
  const { dir, base } = path.parse(path.join(folder, file));
  const rejected = path.join(dir, "rejected");
  const names = [
    ...fs.readdirSync(dir),
    ...(fs.existsSync(rejected) ? fs.readdirSync(rejected) : []),
  ];
  return names.filter((name) => name.startsWith(`${base}.`) && /\.(aside-\d+|damaged)$/.test(name));
}

/** Files with samples stay where they are when they cannot be read. */
const isSample = (file: string): boolean => /\.block$|^journal\//.test(file);

const unique = (name: string): string => path.join(root, name.replaceAll(" ", "-"));

for (const program of PROGRAMS)
  describe(`The ${program.name} starts over damaged state`, { concurrency: 2 }, () => {
    test("nothing is said about state that is intact", async () => {
      const folder = unique(`${program.name} intact`);
      fill(folder, program.files);
      assert.deepEqual(linesOfProblems(await check(program, folder, false)), []);
      const said = linesOfProblems(await program.run(folder));
      // No receiver is configured.
      assert.deepEqual(
        said.filter((line) => !line.includes("Message refused")),
        [],
      );
    });

    for (const [damageName, damage] of Object.entries(DAMAGES)) {
      const isDenied = damageName === "no permission";
      test(`each file: ${damageName}`, async () => {
        const folder = unique(`${program.name} ${damageName}`);
        fill(folder, program.files);
        const damaged = program.files.filter(({ valid }) => valid?.includes(damageName) !== true);
        for (const { file } of damaged) damage(path.join(folder, file));
        const report = await check(program, folder, isDenied);
        const log = await program.run(folder);
        for (const { file } of damaged) {
          const full = path.join(folder, file);
          const heading = isDenied ? "NO PERMISSION" : "DAMAGED";
          if (file !== "lock")
            assert.equal(checked(report, heading, full).length, 1, `${file}\n${report}`);
          assert.equal(logged(log, full).length, 1, `${file}\n${log}`);
          if (!isSample(file)) assert.equal(asideOf(folder, file).length, 1, file);
        }
        const again = await check(program, folder, isDenied);
        for (const { file } of damaged) {
          const heading = isSample(file) ? "NO PERMISSION" : "NOTE";
          const place = path.join(folder, path.dirname(file));
          const lines = again
            .split("\n")
            .filter(
              (line) =>
                line.startsWith(`${heading}: ${place}`) && line.includes(path.basename(file)),
            );
          assert.equal(lines.length, 1, `${file}\n${again}`);
        }
      });
    }

    for (const [index, folders] of program.folders.entries())
      for (const [damageName, damage] of Object.entries(FOLDER_DAMAGES))
        test(`folders (${index + 1}): ${damageName}`, async () => {
          const folder = unique(`${program.name} folders ${index} ${damageName}`);
          fill(folder, program.files);
          for (const inState of folders) damage(path.join(folder, inState));
          const isDenied = damageName === "no permission";
          const report = await check(program, folder, isDenied);
          const log = await program.run(folder);
          for (const inState of folders) {
            const full = path.join(folder, inState);
            const heading = isDenied ? "NO PERMISSION" : "DAMAGED";
            assert.equal(checked(report, heading, full).length, 1, `${inState}\n${report}`);
            assert.ok(
              logged(log, full).length > 0 || logged(log, inState).length > 0,
              `${inState}\n${log}`,
            );
            assert.equal(asideOf(folder, inState).length, isDenied ? 0 : 1, inState);
          }
        });
  });
