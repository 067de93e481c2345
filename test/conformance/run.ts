/**
 * Runs the public conformance data of a folder: `openmetrics/` (parser cases) and `promqltest/`
 * (PromQL scripts).
 *
 * Usage: npm run conformance -- FOLDER. The last line is `N passed, N failed`. Cases with native
 * histograms or start timestamps, which are not supported, are counted separately and listed by
 * name.
 */
import { existsSync } from "node:fs";
import path from "node:path";
import { runOpenMetricsConformance } from "./openmetrics.js";
import { runPromqlConformance } from "./promqltest.js";

interface SuiteResult {
  readonly name: string;
  readonly passed: number;
  readonly failed: readonly string[];
  readonly unsupported: readonly string[];
}

async function main(argv: readonly string[]): Promise<number> {
  const [folder] = argv;
  if (folder === undefined || !existsSync(folder)) {
    process.stderr.write(
      `Cannot run conformance: "${folder ?? ""}" must be a folder with openmetrics/ or promqltest/\n`,
    );
    return 2;
  }
  const results: SuiteResult[] = [];
  const openMetrics = path.join(folder, "openmetrics");
  if (existsSync(openMetrics)) {
    results.push({
      name: "openmetrics",
      unsupported: [],
      ...runOpenMetricsConformance(openMetrics),
    });
  }
  const scripts = path.join(folder, "promqltest");
  if (existsSync(scripts)) {
    for (const { file, ...result } of await runPromqlConformance(scripts))
      results.push({ name: file, ...result });
  }
  return report(results);
}

function report(results: readonly SuiteResult[]): number {
  for (const { name, passed, failed, unsupported } of results) {
    const skipped = unsupported.length === 0 ? "" : `, ${unsupported.length} not supported`;
    console.log(`${name}: ${passed} passed, ${failed.length} failed${skipped}`);
    for (const problem of failed) console.log(`  failed: ${problem}`);
    for (const unsupportedCase of unsupported) console.log(`  not supported: ${unsupportedCase}`);
  }
  const passed = results.reduce((sum, result) => sum + result.passed, 0);
  const failed = results.reduce((sum, result) => sum + result.failed.length, 0);
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 && passed > 0 ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
