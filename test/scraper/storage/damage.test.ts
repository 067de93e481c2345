import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { Labels } from "../../../exporter/shared/model/labels.js";
import { itemAt } from "../../../exporter/shared/model/get-or-throw.js";
import { type Logger, silentLogger } from "../../../exporter/shared/platform/logger.js";
import { realFiles } from "../../../exporter/shared/platform/real-files.js";
import { checkData, type DataReport } from "../../../scraper/storage/data-check.js";
import { Storage } from "../../../scraper/storage/storage.js";
import { FakeClock } from "../../support/fake-clock.js";
import { assertEvery } from "../../support/assert-every.js";
import { appendRow, host, metric, selectAll, SETTINGS, START_MS } from "./storage-fixture.js";

/** Damages in one run, each to a fresh copy of the folder. */
const DAMAGES = 200;
const HOSTS = [host("10.0.0.7"), host("10.0.0.8")];
const STEP_MS = 60_000;
const HEAD_ROWS = 330;
/** A user without rights; the tests of a package build may run as root. */
const NOBODY = 65_534;

let root = "";
/** The undamaged folder, its files that hold samples, and all samples. */
let sound = "";
let dataFiles: string[] = [];
let expected: ReadonlySet<string> = new Set();
let endMs = 0;

before(async () => {
  root = await fs.mkdtemp(path.join(tmpdir(), "pihealth-damage-"));
  await fs.chmod(root, 0o755);
  sound = path.join(root, "sound");
  endMs = await fill(sound);
  dataFiles = (await filesIn(sound)).filter((name) => /\.block$|journal\/\w+-\d+$/.test(name));
  const kinds = [/\.block$/, /journal\/journal-/, /journal\/chunks-/];
  for (const kind of kinds)
    assert.ok(dataFiles.filter((name) => kind.test(name)).length >= 1, String(kind));
  const { samples, lines, report } = await start(sound);
  expected = samples;
  assert.deepEqual(
    { lines, problems: report.problems, notes: report.notes },
    { lines: [], problems: [], notes: [] },
  );
});

after(() => fs.rm(root, { recursive: true, force: true }));

/** Writes rows and samples with timestamps of their own until there are blocks, chunks and rows. */
async function fill(folder: string): Promise<number> {
  const clock = new FakeClock(START_MS);
  const storage = await open(folder, clock, silentLogger);
  for (let row = 0; row < HEAD_ROWS; row++) {
    for (const [number, key] of HOSTS.entries()) {
      appendRow(storage, key, clock.wallMs(), { a: row, b: Math.sin(row + number) });
      storage.openTable(key).appendStamped({
        layout: storage.internLayout([Labels.of({ __name__: "own" })]),
        columns: undefined,
        timestamps: Float64Array.of(clock.wallMs() - 7 - number),
        values: Float64Array.of(row),
      });
    }
    await clock.advance(STEP_MS);
    if (row % 5 !== 0) continue;
    await storage.commit();
    await storage.maintainJournal();
    await storage.maintainBlocks();
  }
  await storage.stop();
  return clock.wallMs();
}

const open = (folder: string, clock: FakeClock, log: Logger): Promise<Storage> =>
  Storage.open({ folder, files: realFiles, clock, log, settings: { ...SETTINGS, path: folder } });

interface Outcome {
  /** `series time:value`. */
  readonly samples: ReadonlySet<string>;
  /** Warnings and errors of the start and of a query. */
  readonly lines: readonly string[];
  readonly report: DataReport;
  readonly missing: number;
}

/** Checks and then starts on a copy of the folder. */
async function start(folder: string): Promise<Outcome> {
  const lines: string[] = [];
  const say = (message: string, fields = {}): void =>
    void lines.push(`${message} ${JSON.stringify(fields)}`);
  const report = await checkData(folder, realFiles);
  const storage = await open(folder, new FakeClock(endMs), {
    ...silentLogger,
    warn: say,
    error: say,
  });
  await storage.maintainBlocks().catch((error: unknown) => say(String(error)));
  const samples = new Set<string>();
  for (const [series, all] of Object.entries(await selectAll(storage)))
    for (const sample of all) samples.add(`${series} ${sample}`);
  const missing = metric(storage, "files_missing_total");
  await storage.stop();
  return { samples, lines, report, missing };
}

async function filesIn(folder: string): Promise<string[]> {
  const found = await fs.readdir(folder, { recursive: true, withFileTypes: true });
  return found
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
    .sort();
}

/** A linear congruential generator, so that each run makes the same damages. */
function createRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * below);
  };
}

type Random = (below: number) => number;

interface Target {
  readonly file: string;
  readonly other: string;
  readonly random: Random;
}

/** Each changes one file, or exchanges two. */
const DAMAGE_KINDS: Readonly<Record<string, (target: Target) => Promise<void>>> = {
  delete: ({ file }) => fs.rm(file),
  truncate: async ({ file, random }) => fs.truncate(file, random((await fs.stat(file)).size)),
  flip: async ({ file, random }) => {
    const bytes = await fs.readFile(file);
    const at = random(bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << random(8));
    await fs.writeFile(file, bytes);
  },
  zero: async ({ file, random }) => {
    const bytes = await fs.readFile(file);
    const from = random(bytes.length);
    await fs.writeFile(file, bytes.fill(0, from, from + 1 + random(bytes.length - from)));
  },
  empty: ({ file }) => fs.truncate(file, 0),
  folder: async ({ file }) => {
    await fs.rm(file);
    await fs.mkdir(file);
  },
  link: async ({ file }) => {
    await fs.rm(file);
    await fs.symlink("/nowhere/at/all", file);
  },
  deny: ({ file }) => fs.chmod(file, 0),
  exchange: async ({ file, other }) => {
    if (other === file) return;
    await fs.rename(file, `${file}.x`);
    await fs.rename(other, file);
    await fs.rename(`${file}.x`, other);
  },
  duplicate: async ({ file }) => {
    const copy = file.replace(
      /(\d+)(\.block)?$/,
      (_, number, end = "") =>
        `${String(Number(number) + 7).padStart(String(number).length, "0")}${end}`,
    );
    await fs.copyFile(file, copy);
  },
};
const KINDS = Object.keys(DAMAGE_KINDS);

const kindOf = (file: string): string => (/\.block$|journal-|chunks-/.exec(file) ?? [""])[0];

/** Runs as an unprivileged user, to whom permissions apply. */
async function unprivileged<Result>(work: () => Promise<Result>): Promise<Result> {
  if (process.geteuid?.() !== 0) return work();
  process.seteuid?.(NOBODY);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
  }
}

async function copyOf(name: string, isUnprivileged = false): Promise<string> {
  const folder = path.join(root, name);
  await fs.rm(folder, { recursive: true, force: true });
  await fs.cp(sound, folder, { recursive: true });
  if (isUnprivileged && process.geteuid?.() === 0) {
    await fs.chown(folder, NOBODY, NOBODY);
    for (const file of await fs.readdir(folder, { recursive: true }))
      await fs.chown(path.join(folder, file), NOBODY, NOBODY);
  }
  return folder;
}

const without = (all: ReadonlySet<string>, some: ReadonlySet<string>): string[] =>
  [...all].filter((sample) => !some.has(sample));

/** Samples that may be lost with a file: those that are in no other file. */
const onlyIn = new Map<string, ReadonlySet<string>>();
async function samplesOnlyIn(file: string): Promise<ReadonlySet<string>> {
  const known = onlyIn.get(file);
  if (known !== undefined) return known;
  const folder = await copyOf("deleted");
  await fs.rm(path.join(folder, file));
  const found = new Set(without(expected, (await start(folder)).samples));
  onlyIn.set(file, found);
  return found;
}

test(`${DAMAGES} damages to blocks and journals: each start succeeds, every loss is said, the check agrees, nothing else is lost`, async () => {
  const random = createRandom(20_261_129);
  const lossy = new Map<string, number>();
  for (let number = 0; number < DAMAGES; number++) {
    const kind = itemAt(KINDS, number % KINDS.length);
    const file = itemAt(dataFiles, random(dataFiles.length));
    const alike = dataFiles.filter((each) => kindOf(each) === kindOf(file) && each !== file);
    const other = alike[random(alike.length)] ?? file;
    const folder = await copyOf("damaged", kind === "deny");
    const about = `damage ${number}: ${kind} ${file}${kind === "exchange" ? ` with ${other}` : ""}`;
    await DAMAGE_KINDS[kind]?.({
      file: path.join(folder, file),
      other: path.join(folder, other),
      random,
    });
    const { samples, lines, report } = await (kind === "deny"
      ? unprivileged(() => start(folder))
      : start(folder));
    assert.deepEqual(without(samples, expected), [], `${about} makes no samples up`);
    const lost = without(expected, samples);
    if (lost.length > 0) {
      lossy.set(kind, (lossy.get(kind) ?? 0) + 1);
      assert.ok(lines.length > 0, `${about} loses ${lost.length} samples without a word`);
      assert.ok(
        report.problems.length > 0,
        `${about} loses ${lost.length} samples, the check is content`,
      );
    }
    const mayLose = new Set(
      kind === "duplicate" || kind === "exchange" ? [] : await samplesOnlyIn(file),
    );
    assert.deepEqual(
      lost.filter((sample) => !mayLose.has(sample)),
      [],
      `${about} loses only its own`,
    );
    if (kind === "deny")
      assertEvery(report.problems, (each) => each.kind === "no_permission", about);
  }
  for (const kind of ["delete", "truncate", "flip", "zero", "folder", "link", "deny"])
    assert.ok((lossy.get(kind) ?? 0) > 0, `${kind} loses something somewhere`);
});
