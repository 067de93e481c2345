import { OUTAGE_KINDS, OUTAGE_LENGTHS, OUTAGE_TROUBLES, type OutageCell, runOutageCell } from "../support/outage-cell.js";
import type { OutageCount } from "../support/outage-count.js";
import { runOverrun, runTwoMasters } from "../support/outage-extras.js";

/** Cells at a time: most of them wait most of the time, but a hurried one must not be kept from sampling. */
const LANES = 2;

interface Row {
  readonly name: readonly [outage: string, length: string, trouble: string];
  readonly run: () => Promise<OutageCount>;
}

const HEAD = [
  "outage", "length", "in the middle", "recorded in filled ranges", "present", "duplicated",
  "seen by the master without outage", "equal", "missing with cause", "missing without", "seconds lost", "cause",
];

/** Every cell of the outage matrix with real processes, in compressed time; two masters; a history that is too small. */
export async function soakOutages({ only }: { readonly only: string }): Promise<string> {
  const rows = [...matrix(), ...extras()].filter(({ name }) => name.join(", ").includes(only));
  const shown: string[] = rows.map(() => "");
  const wrong: string[] = [];
  const waiting = [...rows.entries()];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [index, { name, run }] = next;
      try {
        const count = await run();
        shown[index] = showRow(name, count);
        for (const one of count.lost) console.log(`  ${name.join(", ")}: ${one}`);
        if (!isRight(count)) wrong.push([shown[index], ...count.wrong].join("\n"));
      } catch (error) {
        wrong.push(`${name.join(", ")}: ${(error as Error).message}`);
      }
      console.log(shown[index] === "" ? wrong.at(-1)?.slice(0, 300) : shown[index]);
    }
  };
  await Promise.all(Array.from({ length: LANES }, work));
  const table = ["", `| ${HEAD.join(" | ")} |`, `|${HEAD.map(() => "---").join("|")}|`, ...shown].join("\n");
  if (wrong.length > 0) throw new Error(`${wrong.length} of ${rows.length} cells are not as they must be\n${wrong.join("\n")}\n${table}`);
  return `${rows.length} cells as they must be\n${table}`;
}

function* matrix(): Generator<Row> {
  // The longest first, so that none is left alone at the end.
  for (const length of (Object.keys(OUTAGE_LENGTHS) as OutageCell["length"][]).reverse()) {
    for (const outage of OUTAGE_KINDS) {
      for (const trouble of OUTAGE_TROUBLES) {
        yield { name: [outage, length, trouble], run: () => runOutageCell({ outage, length, trouble }) };
      }
    }
  }
}

function extras(): Row[] {
  const both = lazy(runTwoMasters);
  return [
    { name: ["the other of two masters away", "10 min", "clean"], run: async () => (await both())[0] },
    { name: ["this of two masters away", "10 min", "clean"], run: async () => (await both())[1] },
    { name: ["master away, history too small", "24 h", "clean"], run: runOverrun },
  ];
}

function lazy<Result>(make: () => Promise<Result>): () => Promise<Result> {
  let made: Promise<Result> | undefined;
  return () => (made ??= make());
}

const isRight = ({ recorded, present, duplicated, unexplained }: OutageCount): boolean =>
  present === recorded && duplicated === 0 && unexplained === 0;

function showRow(name: Row["name"], count: OutageCount): string {
  const { recorded, present, duplicated, witnessed, equal, explained, unexplained, lostSeconds, causes } = count;
  const numbers = [recorded, present, duplicated, witnessed, equal, explained, unexplained, Math.round(lostSeconds)];
  return `| ${[...name, ...numbers, causes].join(" | ")} |`;
}
