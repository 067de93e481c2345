import { runDifferential } from "../differential/run-differential.js";

/** Expressions per round. Every round has its own data and its own Prometheus. */
const EXPRESSIONS_PER_ROUND = 5000;
const ROUNDS = 10;

/** Compares our results with a real Prometheus over other data and other expressions. */
export async function soakDifferential({ seed }: { readonly seed: number }): Promise<string> {
  let compared = 0;
  let nonEmpty = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const report = await runDifferential({
      seed: seed + round,
      expressions: EXPRESSIONS_PER_ROUND,
    });
    const [first] = report.differences;
    if (first !== undefined) {
      const { kind, expression, difference } = first;
      throw new Error(
        `${report.differences.length} answers differ with seed ${seed + round}: ${kind} "${expression}": ${difference}`,
      );
    }
    compared += report.compared;
    nonEmpty += report.nonEmpty;
    console.log(
      `  seed ${seed + round}: ${report.compared} answers equal, not compared ${JSON.stringify([...report.excluded])}`,
    );
  }
  return `${compared} answers equal those of Prometheus, ${nonEmpty} of them not empty`;
}
