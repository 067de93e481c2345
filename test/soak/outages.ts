import { messageOf } from "../../exporter/shared/model/errors.js";
import { ChildProgram } from "../support/child-program.js";
import { type OutageCount, parseOutageCount } from "../support/outage-count.js";
import { outageRowNames } from "./outage-rows.js";

/** Cells that run at the same time; most of them wait most of the time. */
const LANES = 5;

const COLUMNS = [
  ["recorded in filled ranges", "recorded"],
  ["present", "present"],
  ["duplicated", "duplicated"],
  ["falsely filled", "falselyFilled"],
  ["seen by the witness", "witnessed"],
  ["equal", "equal"],
  ["missing with cause", "explained"],
  ["missing without", "unexplained"],
] as const;
const HEAD = [
  "outage",
  "length",
  "in the middle",
  ...COLUMNS.map(([title]) => title),
  "seconds lost",
  "cause",
];

/**
 * Every cell of the outage matrix with real processes in compressed time, two masters, and a
 * history that is too small.
 */
export async function soakOutages({ only }: { readonly only: string }): Promise<string> {
  const names = outageRowNames().filter((name) => name.includes(only));
  const shown = new Map<string, string>();
  const wrong: string[] = [];
  // The longest first, so that none is left alone at the end.
  const waiting = [...names].sort(
    (one, other) => Number(other.includes(" h, ")) - Number(one.includes(" h, ")),
  );
  const work = async (): Promise<void> => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      try {
        const count = await countInOwnProcess(name);
        const row = showRow(name, count);
        shown.set(name, row);
        console.log([row, ...count.lost.map((one) => `  ${one}`)].join("\n"));
        if (!isRight(count)) wrong.push([row, ...count.wrong].join("\n"));
      } catch (error) {
        wrong.push(`${name}: ${messageOf(error)}`);
        console.log(wrong.at(-1)?.slice(0, 300));
      }
    }
  };
  await Promise.all(Array.from({ length: LANES }, work));
  const rows = names.map((name) => shown.get(name)).filter((row) => row !== undefined);
  const table = [
    "",
    `| ${HEAD.join(" | ")} |`,
    `|${HEAD.map(() => "---").join("|")}|`,
    ...rows,
  ].join("\n");
  if (wrong.length > 0)
    throw new Error(
      `${wrong.length} of ${names.length} cells are not as they must be\n${wrong.join("\n")}\n${table}`,
    );
  return `${names.length} cells as they must be\n${table}`;
}

/** In its own process, so the computation of one rig does not delay the links of another. */
async function countInOwnProcess(name: string): Promise<OutageCount> {
  const program = ChildProgram.ofOurs("test/soak/one-outage.js", [name]);
  const { code } = await program.exited;
  const answer = program.text.trimEnd().split("\n").at(-1) ?? "";
  if (code !== 0) throw new Error(program.text);
  return parseOutageCount(answer);
}

const isRight = ({
  recorded,
  present,
  duplicated,
  falselyFilled,
  unexplained,
}: OutageCount): boolean =>
  present === recorded && duplicated === 0 && falselyFilled === 0 && unexplained === 0;

function showRow(name: string, count: OutageCount): string {
  const counts = COLUMNS.map(([, field]) => count[field]);
  const cells = [...name.split(", "), ...counts, Math.round(count.lostSeconds), count.causes];
  return `| ${cells.join(" | ")} |`;
}
