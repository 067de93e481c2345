import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { validateOpenMetrics } from "../../exporter/shared/codec/exposition/exposition-parser-strict.js";

export interface OpenMetricsOutcome {
  readonly passed: number;
  /** One line per case with another verdict than stated. */
  readonly failed: string[];
}

/** @param folder holds one folder per case, with `test.json` and the file it names */
export function runOpenMetricsConformance(folder: string): OpenMetricsOutcome {
  const cases = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const failures = cases.map(({ name }) => failureOf(path.join(folder, name)));
  const failed = failures.filter((failure) => failure !== undefined);
  return { passed: cases.length - failed.length, failed };
}

function failureOf(folder: string): string | undefined {
  const { file, shouldParse } = JSON.parse(
    readFileSync(path.join(folder, "test.json"), "utf8"),
  ) as {
    readonly file: string;
    readonly shouldParse: boolean;
  };
  const problem = problemOf(readFileSync(path.join(folder, file)));
  if ((problem === undefined) === shouldParse) return undefined;
  return `${path.basename(folder)}: ${problem ?? "accepted, it must be refused"}`;
}

function problemOf(body: Buffer): string | undefined {
  try {
    validateOpenMetrics(body);
    return undefined;
  } catch (error) {
    return String(error);
  }
}
