import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { REPOSITORY } from "./support/repository.js";

/** Rooms of the scraper and their floor: imports go to a lower number only (docs/architecture.md). */
const SCRAPER_FLOORS: Readonly<Record<string, number>> = {
  fleet: 1, templates: 1,
  discovery: 2, storage: 2, alerting: 2, "host-logs": 2,
  promql: 3, scrape: 3,
  "rule-engine": 4, backfill: 4,
  web: 5, api: 5,
};
/** Above all rooms: configuration, wiring, programs, and the commands of the command line. */
const SCRAPER_TOP = /^scraper\/(commands\/)?[a-z-]+\.ts$/;

/** Reached only through exporter/shared/platform. */
const PLATFORM_ONLY = [
  { name: "the wall clock", pattern: /\bDate\.now\(|new Date\(\)|performance\.now\(|process\.hrtime/ },
  { name: "timers", pattern: /\bset(Timeout|Interval|Immediate)\(/ },
  { name: "fetch", pattern: /(?<![.\w])fetch\(/ },
  {
    name: "files, network and processes",
    pattern: /from "node:(fs|fs\/promises|net|tls|http|https|dns|dns\/promises|child_process|os|perf_hooks|dgram)"/,
  },
];

/** Required packages, each met in one or two files only. */
const MAX_FILES_PER_PACKAGE = 2;
const COUNTED_PACKAGES = ["prom-client", "express", "node-fetch", "systeminformation", "nodemailer", "yaml"];

interface SourceFile {
  readonly name: string;
  readonly text: string;
  readonly imports: readonly string[];
}

const sources = [...sourceFiles("exporter"), ...sourceFiles("scraper")];
const byName = new Map(sources.map((source) => [source.name, source]));

function sourceFiles(folder: string): SourceFile[] {
  return readdirSync(path.join(REPOSITORY, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => readSource(path.posix.join(folder, name)));
}

function readSource(name: string): SourceFile {
  const text = readFileSync(path.join(REPOSITORY, name), "utf8");
  const imports = [...text.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)].map(([, target = ""]) => target);
  const resolve = (target: string): string =>
    target.startsWith(".") ? path.posix.join(path.posix.dirname(name), target).replace(/\.js$/, ".ts") : target;
  return { name, text, imports: imports.map(resolve) };
}

/** Code without comments and strings' content is not needed: comments with these words are rare enough to rename. */
const codeOf = ({ text }: SourceFile): string => text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
const roomOf = (name: string): string => name.split("/")[1] as string;
const violations = (describe: (source: SourceFile) => string[]): string[] => sources.flatMap(describe);

test("the source tree is found", () => {
  assert.ok(sources.length > 50, `only ${sources.length} source files found`);
});

test("every relative import names a file that exists", () => {
  const missing = violations(({ name, imports }) =>
    imports.filter((target) => target.endsWith(".ts") && !byName.has(target)).map((target) => `${name} -> ${target}`),
  );
  assert.deepEqual(missing, []);
});

test("the exporter imports nothing of the scraper, the scraper only exporter/shared", () => {
  const crossing = violations(({ name, imports }) =>
    imports
      .filter((target) =>
        name.startsWith("exporter/")
          ? target.startsWith("scraper/")
          : target.startsWith("exporter/") && !target.startsWith("exporter/shared/"),
      )
      .map((target) => `${name} -> ${target}`),
  );
  assert.deepEqual(crossing, []);
});

test("exporter/shared imports no other room", () => {
  const leaving = violations(({ name, imports }) =>
    imports
      .filter((target) => name.startsWith("exporter/shared/") && /^(exporter\/(?!shared\/)|scraper\/)/.test(target))
      .map((target) => `${name} -> ${target}`),
  );
  assert.deepEqual(leaving, []);
});

test("rooms of the scraper import lower floors only", () => {
  const upward = violations(({ name, imports }) => {
    if (!name.startsWith("scraper/") || SCRAPER_TOP.test(name)) return [];
    const floor = SCRAPER_FLOORS[roomOf(name)];
    if (floor === undefined) return [`${name}: scraper/${roomOf(name)} is not a room of docs/architecture.md`];
    return imports
      .filter((target) => target.startsWith("scraper/") && roomOf(target) !== roomOf(name))
      .filter((target) => (SCRAPER_FLOORS[roomOf(target)] ?? Number.POSITIVE_INFINITY) >= floor)
      .map((target) => `${name} -> ${target}`);
  });
  assert.deepEqual(upward, []);
});

test("no import cycle exists", () => {
  const done = new Set<string>();
  const visit = (name: string, trail: readonly string[]): string[] => {
    if (trail.includes(name)) return [[...trail.slice(trail.indexOf(name)), name].join(" -> ")];
    if (done.has(name)) return [];
    const cycles = (byName.get(name)?.imports ?? [])
      .filter((target) => byName.has(target))
      .flatMap((target) => visit(target, [...trail, name]));
    done.add(name);
    return cycles;
  };
  assert.deepEqual(sources.flatMap(({ name }) => visit(name, [])), []);
});

for (const { name: thing, pattern } of PLATFORM_ONLY) {
  test(`${thing}: reached only through exporter/shared/platform`, () => {
    const users = sources.filter(({ name }) => !name.startsWith("exporter/shared/platform/"));
    const direct = users.filter((source) => pattern.test(codeOf(source))).map(({ name }) => name);
    assert.deepEqual(direct, []);
  });
}

for (const packageName of COUNTED_PACKAGES) {
  test(`package ${packageName} is met in one or two files`, () => {
    const users = sources.filter(({ imports }) => imports.includes(packageName)).map(({ name }) => name);
    assert.ok(users.length >= 1 && users.length <= MAX_FILES_PER_PACKAGE, `${packageName}: ${users.join(", ")}`);
  });
}

test("no file re-exports others, and none is named for nothing in particular", () => {
  const vague = violations((source) => {
    const { name } = source;
    const reexports = /^export (\*|\{[^}]*\}|type \{[^}]*\}) from/m.test(codeOf(source));
    const badName = /(^|\/)(index|utils?|helpers?|common|misc)\.ts$/.test(name);
    return reexports || badName ? [name] : [];
  });
  assert.deepEqual(vague, []);
});
