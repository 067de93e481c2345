import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { REPOSITORY } from "./support/repository.js";

/** A folder of one program, its floor, and the floors of its shelves. Imports go to a lower floor only. */
interface Room {
  readonly floor: number;
  /** Files beside the shelves are above all of them. A room without shelves is flat. */
  readonly shelves?: Readonly<Record<string, number>>;
}

/** See docs/architecture.md, "Rooms and shelves". */
const ROOMS: Readonly<Record<string, Readonly<Record<string, Room>>>> = {
  exporter: {
    shared: {
      floor: 0,
      shelves: { model: 0, platform: 1, config: 2, codec: 2, journal: 2, protocol: 3 },
    },
    sources: { floor: 1 },
    history: { floor: 1 },
    collectors: { floor: 2 },
    sampling: { floor: 3 },
    exposition: { floor: 4 },
    alarms: { floor: 5 },
    uplink: { floor: 6 },
    http: { floor: 6 },
    config: { floor: 7 },
    app: { floor: 8 },
    program: { floor: 9 },
  },
  scraper: {
    base: { floor: 0 },
    "http-client": { floor: 0 },
    fleet: { floor: 1 },
    templates: { floor: 1, shelves: { html: 0 } },
    discovery: { floor: 2 },
    storage: {
      floor: 2,
      shelves: { model: 0, codec: 1, selection: 1, head: 2, query: 3, blocks: 4 },
    },
    alerting: {
      floor: 3,
      shelves: { config: 0, alerts: 1, messages: 2, delivery: 3, dispatch: 4 },
    },
    "host-logs": { floor: 2 },
    promql: {
      floor: 3,
      shelves: { language: 0, evaluation: 1, functions: 2, operators: 2, query: 3 },
    },
    scrape: { floor: 3 },
    "rule-engine": { floor: 4, shelves: { rules: 0, evaluation: 1, replay: 2, "rule-tests": 2 } },
    backfill: { floor: 4 },
    web: { floor: 5 },
    api: { floor: 5, shelves: { http: 0, prometheus: 1, alertmanager: 1, fleet: 1, admin: 1 } },
    config: { floor: 6 },
    app: { floor: 7 },
    program: { floor: 8, shelves: { commands: 0 } },
  },
};
const TOP_SHELF = Number.MAX_SAFE_INTEGER;

/** Reached only through exporter/shared/platform. */
const PLATFORM_ONLY = [
  {
    name: "the wall clock",
    pattern: /\bDate\.now\(|new Date\(\)|performance\.now\(|process\.hrtime/,
  },
  { name: "timers", pattern: /\bset(Timeout|Interval|Immediate)\(/ },
  { name: "listening to an AbortSignal", pattern: /addEventListener\("abort"/ },
  { name: "standard output and standard error", pattern: /process\.std(out|err)\.write|console\./ },
  { name: "fetch", pattern: /(?<![.\w])fetch\(/ },
  {
    name: "files, network and processes",
    pattern:
      /from "node:(fs|fs\/promises|net|tls|http|https|dns|dns\/promises|child_process|os|perf_hooks|dgram)"/,
  },
];

/** Packages and the number of files that may import them. */
const MAX_FILES_OF_PACKAGE = {
  "prom-client": 2,
  express: 1,
  "node-fetch": 2,
  systeminformation: 2,
  nodemailer: 2,
  yaml: 2,
  re2js: 1,
};

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
  const imports = [...text.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)].map(
    ([, target = ""]) => target,
  );
  const resolve = (target: string): string =>
    target.startsWith(".")
      ? path.posix.join(path.posix.dirname(name), target).replace(/\.js$/, ".ts")
      : target;
  return { name, text, imports: imports.map(resolve) };
}

/** Code without comments and strings' content is not needed: comments with these words are rare enough to rename. */
const codeOf = ({ text }: SourceFile): string => text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
const violations = (describe: (source: SourceFile) => string[]): string[] =>
  sources.flatMap(describe);

test("the source tree is found", () => {
  assert.ok(sources.length > 50, `only ${sources.length} source files found`);
});

test("every relative import names a file that exists", () => {
  const missing = violations(({ name, imports }) =>
    imports
      .filter((target) => target.endsWith(".ts") && !byName.has(target))
      .map((target) => `${name} -> ${target}`),
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
      .filter(
        (target) =>
          name.startsWith("exporter/shared/") && /^(exporter\/(?!shared\/)|scraper\/)/.test(target),
      )
      .map((target) => `${name} -> ${target}`),
  );
  assert.deepEqual(leaving, []);
});

/** Where a file stands; a reason instead when docs/architecture.md has no such place. */
function placeOf(
  name: string,
): { readonly room: string; readonly floor: number; readonly shelf: string } | string {
  const [program = "", room = "", shelf = ""] = name.split("/");
  const known = ROOMS[program]?.[room];
  if (known === undefined)
    return `${name}: ${program}/${room} is not a room of docs/architecture.md`;
  const isShelved = name.split("/").length > 3;
  if (isShelved && known.shelves?.[shelf] === undefined)
    return `${name}: ${room}/${shelf} is not a shelf of it`;
  return { room: `${program}/${room}`, floor: known.floor, shelf: isShelved ? shelf : "" };
}

const shelfFloor = (room: string, shelf: string): number => {
  const [program = "", folder = ""] = room.split("/");
  return shelf === "" ? TOP_SHELF : (ROOMS[program]?.[folder]?.shelves?.[shelf] ?? TOP_SHELF);
};

function isUpward(from: string, to: string): boolean {
  const [here, there] = [placeOf(from), placeOf(to)];
  if (typeof here === "string" || typeof there === "string") return false;
  if (from.split("/")[0] !== to.split("/")[0]) return false;
  if (here.room !== there.room) return there.floor >= here.floor;
  if (here.shelf === there.shelf) return false;
  return shelfFloor(there.room, there.shelf) >= shelfFloor(here.room, here.shelf);
}

test("every source file stands in a room and on a shelf that docs/architecture.md names", () => {
  assert.deepEqual(
    violations(({ name }) => [placeOf(name)].filter((place) => typeof place === "string")),
    [],
  );
});

test("rooms and shelves import lower floors only", () => {
  const upward = violations(({ name, imports }) =>
    imports
      .filter((target) => byName.has(target) && isUpward(name, target))
      .map((target) => `${name} -> ${target}`),
  );
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
  assert.deepEqual(
    sources.flatMap(({ name }) => visit(name, [])),
    [],
  );
});

for (const { name: thing, pattern } of PLATFORM_ONLY) {
  test(`${thing}: reached only through exporter/shared/platform`, () => {
    const users = sources.filter(({ name }) => !name.startsWith("exporter/shared/platform/"));
    const direct = users.filter((source) => pattern.test(codeOf(source))).map(({ name }) => name);
    assert.deepEqual(direct, []);
  });
}

for (const [packageName, maxFiles] of Object.entries(MAX_FILES_OF_PACKAGE)) {
  test(`package ${packageName} is imported by at most ${maxFiles} files`, () => {
    const users = sources
      .filter(({ imports }) => imports.includes(packageName))
      .map(({ name }) => name);
    assert.ok(users.length >= 1 && users.length <= maxFiles, `${packageName}: ${users.join(", ")}`);
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

test("a tag of a docstring starts its line", () => {
  const tests = sourceFiles("test");
  assert.ok(tests.length > 50, `only ${tests.length} files of test/ found`);
  const hidden = [...sources, ...tests].flatMap(({ name, text }) =>
    [...text.matchAll(/^[ \t]*\/\*\*[\s\S]*?\*\//gm)]
      .flatMap(([docstring]) => docstring.split("\n"))
      .filter((line) => /[^\s*/].*@(param|returns|throws)\b/.test(line))
      .map((line) => `${name}: ${line.trim()}`),
  );
  assert.deepEqual(hidden, []);
});
