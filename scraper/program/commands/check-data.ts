import path from "node:path";
import { messageOf } from "../../../exporter/shared/model/errors.js";
import type { FileFacts, Files } from "../../../exporter/shared/platform/files.js";
import type { CheckResult } from "./check.js";
import { checkState } from "../../app/state-check.js";
import { checkData, type DataProblem } from "../../storage/data-check.js";

/** `pihealth check data [FOLDER]`: one line per problem, or the number of intact files. */
export async function checkDataFolder(folder: string, files: Files): Promise<CheckResult> {
  let facts: FileFacts | undefined;
  try {
    facts = await files.facts(folder);
  } catch (error) {
    return failed([`Cannot check "${folder}": ${messageOf(error)}`]);
  }
  if (facts?.isFolder !== true) {
    return failed([
      `Cannot check "${folder}": it is not a folder, it must be a data folder or a snapshot`,
    ]);
  }
  const { blocks, journalSegments, journalRecords, tornTails, ...samples } = await checkData(
    folder,
    files,
  );
  const state = await checkState(folder, files);
  const known = new Set(samples.problems.map((problem) => problem.path));
  const isKnown = (file: string): boolean =>
    known.has(file) || (file.length > folder.length && isKnown(path.dirname(file)));
  const others = state.problems.filter((problem) => !isKnown(problem.path));
  const problems = [...samples.problems, ...others];
  const notes = [...samples.notes, ...state.notes];
  if (blocks + journalSegments + problems.length + state.notes.length === 0) {
    const isExporter = (await files.facts(path.join(folder, "node-id"))) !== undefined;
    const wanted = isExporter
      ? "it is the state folder of an exporter, pihealth check state checks it"
      : "it has no samples, it must be a data folder or a snapshot";
    return failed([`Cannot check "${folder}": ${wanted}`]);
  }
  const found = `${blocks} blocks, ${journalSegments} journal files with ${journalRecords} records`;
  const tails =
    tornTails === 0
      ? ""
      : `, ${tornTails} torn tails (a crash leaves them, the next start cuts them off)`;
  const noted = notes.map((note) => `NOTE: ${note}`);
  if (problems.length === 0)
    return { succeeded: true, lines: [...noted, `SUCCESS: ${folder} is intact: ${found}${tails}`] };
  const lines = problems.map(
    ({ kind, path: file, offsetBytes, detail }) =>
      `${HEADINGS[kind]}: ${file}${kind === "damaged" ? ` at byte ${offsetBytes}` : ""}: ${detail}`,
  );
  return {
    succeeded: false,
    lines: [...lines, ...noted, `FAILED: ${summaryOf(problems)} in ${found}${tails}`],
  };
}

const HEADINGS = {
  damaged: "DAMAGED",
  missing: "MISSING",
  resized: "CHANGED",
  no_permission: "NO PERMISSION",
} as const;

function summaryOf(problems: readonly DataProblem[]): string {
  const count = (kind: DataProblem["kind"]): number =>
    problems.filter((problem) => problem.kind === kind).length;
  return [
    [count("damaged"), "damaged places"],
    [count("missing"), "missing files or folders"],
    [count("resized"), "files of another size"],
    [
      count("no_permission"),
      "files that this user may not read (run it as root or as the scraper)",
    ],
  ]
    .filter(([number]) => number !== 0)
    .map((part) => part.join(" "))
    .join(", ");
}

const failed = ([reason]: readonly [string]): CheckResult => ({
  succeeded: false,
  lines: [`FAILED: ${reason}`],
});
