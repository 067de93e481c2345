import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { validateOpenMetrics } from "../../exporter/shared/codec/exposition/exposition-parser-strict.js";
import { JsonFields } from "../../exporter/shared/codec/json-fields.js";

export interface OpenMetricsOutcome {
  readonly passed: number;
  /** One line per case that was wrongly accepted or rejected. */
  readonly failed: string[];
}

/** @param folder has one folder per case, with `test.json` and the file that it names */
export function runOpenMetricsConformance(folder: string): OpenMetricsOutcome {
  const cases = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const failures = cases.map(({ name }) => failureOf(path.join(folder, name)));
  const failed = failures.filter((failure) => failure !== undefined);
  return { passed: cases.length - failed.length, failed };
}

function failureOf(folder: string): string | undefined {
  const testCase = JsonFields.parse(readFileSync(path.join(folder, "test.json"), "utf8"), "test");
  const problem = problemOf(readFileSync(path.join(folder, testCase.text("file"))));
  if ((problem === undefined) === testCase.boolean("shouldParse")) return undefined;
  return `${path.basename(folder)}: ${problem ?? "accepted, it must be rejected"}`;
}

function problemOf(body: Buffer): string | undefined {
  try {
    validateOpenMetrics(body);
    return undefined;
  } catch (error) {
    return String(error);
  }
}
