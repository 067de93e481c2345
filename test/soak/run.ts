/**
 * Checks that take too long for `npm test`: the same checks, many more times.
 *
 * Usage: npm run soak [-- NAME ...] [--seed N] [--only TEXT]. Without names, all of them.
 */
import { parseArgs } from "node:util";
import { soakDifferential } from "./differential.js";
import { soakKills } from "./kills.js";
import { soakOutages } from "./outages.js";

interface SoakOptions {
  /** Another seed chooses other times and data. */
  readonly seed: number;
  /**
   * For outages: only cells whose name contains this text, such as "link cut, 24 h"; all when
   * empty.
   */
  readonly only: string;
}

/**
 * Throws when a check fails.
 *
 * @returns a summary
 */
type Soak = (options: SoakOptions) => Promise<string>;

const SOAKS: Readonly<Record<string, Soak>> = {
  kills: soakKills,
  outages: soakOutages,
  differential: soakDifferential,
};

async function main(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      seed: { type: "string", default: String(process.pid) },
      only: { type: "string", default: "" },
    },
  });
  const seed = Number(values.seed);
  for (const name of positionals.length === 0 ? Object.keys(SOAKS) : positionals) {
    const soak = SOAKS[name];
    if (soak === undefined) {
      process.stderr.write(
        `Cannot soak "${name}": it must be one of ${Object.keys(SOAKS).join(", ")}\n`,
      );
      return 2;
    }
    console.log(`${name}: seed ${seed}`);
    console.log(`${name}: ${await soak({ seed, only: values.only })}`);
  }
  return 0;
}

process.exitCode = await main(process.argv.slice(2));
