/**
 * The benchmarks of docs/benchmarks.md, as a table and as JSON.
 *
 * Usage: npm run bench [-- NAME ...] [--minutes N] [--json FILE]. Without names, all of them.
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { benchExporter } from "./exporter.js";
import { type BenchFigure, renderFigures } from "./figure.js";

async function main(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: { minutes: { type: "string", default: "10" }, json: { type: "string" } },
  });
  const minutes = Number(values.minutes);
  const benchmarks: Readonly<Record<string, () => Promise<BenchFigure[]>>> = {
    exporter: () => benchExporter({ minutes }),
  };
  const names = positionals.length === 0 ? Object.keys(benchmarks) : positionals;
  const figures: BenchFigure[] = [];
  for (const name of names) {
    const run = benchmarks[name];
    if (run === undefined) {
      process.stderr.write(`Cannot run benchmark "${name}": it must be one of ${Object.keys(benchmarks).join(", ")}\n`);
      return 2;
    }
    figures.push(...(await run()));
  }
  console.log(renderFigures(figures));
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(figures, undefined, 2)}\n`);
  return 0;
}

process.exitCode = await main(process.argv.slice(2));
