import { messageOf } from "../../../exporter/shared/model/errors.js";
import type { FileFacts, Files } from "../../../exporter/shared/platform/files.js";
import type { CheckResult } from "./check.js";
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
  const { blocks, journalSegments, journalRecords, tornTails, problems, notes } = await checkData(
    folder,
    files,
  );
  if (blocks + journalSegments + problems.length === 0) {
    return failed([
      `Cannot check "${folder}": it has no samples, it must be a data folder or a snapshot`,
    ]);
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
    ({ kind, path, offsetBytes, detail }) =>
      `${HEADINGS[kind]}: ${path}${kind === "damaged" ? ` at byte ${offsetBytes}` : ""}: ${detail}`,
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
