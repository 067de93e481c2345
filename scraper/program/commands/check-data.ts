import type { Files } from "../../../exporter/shared/platform/files.js";
import type { CheckResult } from "./check.js";
import { checkData } from "../../storage/data-check.js";

/** `pihealth check data [FOLDER]`: one line per damaged place, or the number of intact files. */
export async function checkDataFolder(folder: string, files: Files): Promise<CheckResult> {
  if ((await files.facts(folder))?.isFolder !== true) {
    return failed([
      `Cannot check "${folder}": it is not a folder, it must be a data folder or a snapshot`,
    ]);
  }
  const { blocks, journalSegments, journalRecords, tornTails, problems } = await checkData(
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
  if (problems.length === 0)
    return { succeeded: true, lines: [`SUCCESS: ${folder} is intact: ${found}${tails}`] };
  const lines = problems.map(
    ({ path, offsetBytes, detail }) => `DAMAGED: ${path} at byte ${offsetBytes}: ${detail}`,
  );
  return {
    succeeded: false,
    lines: [...lines, `FAILED: ${problems.length} damaged places in ${found}${tails}`],
  };
}

const failed = ([reason]: readonly [string]): CheckResult => ({
  succeeded: false,
  lines: [`FAILED: ${reason}`],
});
