import {
  OUTAGE_KINDS,
  OUTAGE_LENGTH_NAMES,
  OUTAGE_TROUBLES,
  runOutageCell,
} from "../support/outage-cell.js";
import type { OutageCount } from "../support/outage-count.js";
import { runOverrun, runTwoMasters } from "../support/outage-extras.js";

/** Names of the rows of the table, from their first three columns, in order. */
export function outageRowNames(): string[] {
  return [...outageRows().keys()];
}

/** @throws unless every gap is filled or has a cause at the end */
export async function runOutageRow(name: string): Promise<OutageCount> {
  const run = outageRows().get(name);
  if (run === undefined) throw new Error(`Cannot run "${name}": it must be a row of the matrix`);
  return run();
}

function outageRows(): ReadonlyMap<string, () => Promise<OutageCount>> {
  const rows = new Map<string, () => Promise<OutageCount>>([
    ["master away with a history too small, 24 h, clean", runOverrun],
    ["the other of two masters away, 10 min, clean", async () => (await runTwoMasters())[0]],
    ["this of two masters away, 10 min, clean", async () => (await runTwoMasters())[1]],
  ]);
  for (const length of OUTAGE_LENGTH_NAMES) {
    for (const outage of OUTAGE_KINDS) {
      for (const trouble of OUTAGE_TROUBLES) {
        rows.set([outage, length, trouble].join(", "), () =>
          runOutageCell({ outage, length, trouble }),
        );
      }
    }
  }
  return rows;
}
