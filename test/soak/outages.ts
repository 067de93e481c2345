import { HttpError } from "../../exporter/shared/platform/http-client.js";
import { BackfillUnderTest } from "../scraper/backfill/backfill-under-test.js";

/** One cell of the matrix: how long, what failed, and what went wrong while it was mended. */
interface Cell {
  readonly outage: string;
  readonly length: string;
  readonly trouble: string;
}

interface Count {
  readonly expected: number;
  readonly present: number;
  readonly lostSeconds: number;
  readonly causes: string;
  readonly duplicated: number;
}

const LENGTHS: Readonly<Record<string, number>> = { "10 s": 10, "10 min": 600, "24 h": 86_400 };

/** The longest is the part with both sides as they are: before the exporter fails, and after. */
const OUTAGES: Readonly<Record<string, (bench: BackfillUnderTest, seconds: number) => Promise<void>>> = {
  "master away": async (bench, seconds) => {
    await bench.kill();
    await bench.pass(seconds);
    await bench.restart();
  },
  "link cut": async (bench, seconds) => {
    bench.isLinked = false;
    await bench.pass(seconds);
    bench.isLinked = true;
  },
  "Pi off": async (bench, seconds) => {
    bench.pi.isOn = false;
    await bench.pass(seconds);
    bench.pi.boot();
  },
  both: async (bench, seconds) => {
    await bench.kill();
    await bench.pass(Math.ceil(seconds / 2));
    bench.pi.flush();
    bench.pi.isOn = false;
    await bench.pass(Math.ceil(seconds / 4));
    bench.pi.boot();
    await bench.pass(Math.ceil(seconds / 4));
    await bench.restart();
  },
};

/** What happens while the history is fetched. */
const TROUBLES: Readonly<Record<string, (bench: BackfillUnderTest) => Promise<void>>> = {
  clean: async () => undefined,
  "killed in transfer": async (bench) => {
    let pieces = 0;
    bench.pi.onRequest = ({ url }) => {
      if (url.endsWith(".gz") && ++pieces > 1) throw new HttpError("unreachable", "cut");
    };
    await bench.pass(10);
    await bench.kill();
    bench.pi.onRequest = () => undefined;
    await bench.pass(10);
    await bench.restart();
  },
  "disk full": async (bench) => {
    bench.files.roomBytes = 0;
    await bench.pass(60);
    bench.files.roomBytes = Number.POSITIVE_INFINITY;
  },
  "clock stepped": async (bench) => {
    bench.pi.flush();
    bench.pi.clockErrorMs = -3_600_000;
  },
};

/** Every cell of the outage matrix against a simulated Pi, in compressed time. */
export async function soakOutages(): Promise<string> {
  const rows: string[] = [];
  for (const length of Object.keys(LENGTHS)) {
    for (const outage of Object.keys(OUTAGES)) {
      for (const trouble of Object.keys(TROUBLES)) rows.push(showRow({ outage, length, trouble }, await runCell({ outage, length, trouble })));
    }
  }
  const head = "| outage | length | while mended | samples expected | present | duplicated | seconds lost | cause |";
  return ["every cell as it must be", "", head, "|---|---|---|---|---|---|---|---|", ...rows].join("\n");
}

/** @throws {Error} when a recorded sample is missing or stored twice */
async function runCell(cell: Cell): Promise<Count> {
  const bench = await BackfillUnderTest.start();
  await bench.pass(300);
  const fromMs = bench.nowMs;
  await OUTAGES[cell.outage]?.(bench, LENGTHS[cell.length] as number);
  await TROUBLES[cell.trouble]?.(bench);
  const untilMs = bench.nowMs;
  await bench.pass(420);
  const count = await countSamples(bench, fromMs, untilMs);
  await bench.backfill.stop();
  const name = `${cell.outage}, ${cell.length}, ${cell.trouble}`;
  if (count.present !== count.expected) throw new Error(`${name}: ${count.present} of ${count.expected} samples are there`);
  if (count.duplicated > 0) throw new Error(`${name}: ${count.duplicated} samples are there twice`);
  return count;
}

/** Expected is what the Pi had on its disk: a Pi that loses power loses what it had not flushed. */
async function countSamples(bench: BackfillUnderTest, fromMs: number, untilMs: number): Promise<Count> {
  const missing = bench.backfill.gaps().filter((gap) => gap.fromMs >= fromMs - 10_000);
  const inGap = (timeMs: number): boolean =>
    timeMs < untilMs && missing.some((gap) => timeMs > gap.fromMs && timeMs < (gap.untilMs ?? 0));
  const values = [...(await bench.stored()).values()];
  const stored = new Set(values);
  const expected = bench.pi.recorded.filter(({ trueMs, isFlushed }) => isFlushed && inGap(trueMs));
  const lost = missing.filter(({ state }) => state === "lost");
  return {
    expected: expected.length,
    present: expected.filter(({ value }) => stored.has(value)).length,
    lostSeconds: lost.reduce((sum, gap) => sum + ((gap.untilMs ?? bench.nowMs) - gap.fromMs) / 1000, 0),
    causes: [...new Set(lost.map(({ cause }) => cause))].join(", "),
    duplicated: values.length - stored.size,
  };
}

function showRow({ outage, length, trouble }: Cell, count: Count): string {
  const { expected, present, duplicated, lostSeconds, causes } = count;
  return `| ${outage} | ${length} | ${trouble} | ${expected} | ${present} | ${duplicated} | ${Math.round(lostSeconds)} | ${causes} |`;
}
