/**
 * The benchmarks of docs/benchmarks.md, as a table and as JSON.
 *
 * Usage: npm run bench [-- NAME ...] [options]. Without names, all of them, which takes half an hour.
 *
 *   --minutes N    length of the measurement: exporter (10), fleet (3), fleet-size (3); before the kill: restart (2)
 *   --days N       history: simulated days (7)
 *   --targets N    fleet, fleet-size, storage, query, restart: simulated targets (1000, 10000, 200, 200, 2000)
 *   --series N     fleet, fleet-size, query: series per body (507: all that are recorded, 300, 500); own-timestamps (5000)
 *   --interval N   fleet, fleet-size, restart: seconds between scrapes (5, 15, 15)
 *   --pihealth-series  fleet, fleet-size: bodies also hold the series of our exporter, so that hosts get logs
 *   --systems A,B  fleet: pihealth, prometheus, victoriametrics (all three, side by side); restart, storms: the first two
 *   --bodies PATH  fleet: recorded bodies other than those of test/fixtures
 *   --node FLAG    fleet, query: an option of Node.js for our program, such as --cpu-prof; can be given several times
 *   --hours N      query: length of the ranges (6)
 *   --data FOLDER  query: keeps the samples there, or asks those that are there
 *   --seconds N    storms: length of each storm (30)
 *   --only TEXT    busy-queries, storms: those whose name contains the text
 *   --json FILE    also writes the figures there
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { benchBackfill } from "./backfill.js";
import { benchBackfillFleet } from "./backfill-fleet.js";
import { benchBlocks } from "./blocks.js";
import { benchBusyQueries } from "./busy-queries.js";
import { benchExporter } from "./exporter.js";
import { type BenchFigure, renderFigures } from "./figure.js";
import { benchFleet } from "./fleet.js";
import { benchFleetSize } from "./fleet-size.js";
import { benchHostLogs } from "./host-logs.js";
import { benchHistory } from "./history.js";
import { benchOwnTimestamps } from "./own-timestamps.js";
import { benchQueries } from "./query.js";
import { benchRestart } from "./restart.js";
import { benchScrapeParse } from "./scrape-parse.js";
import { benchStorageFigures } from "./storage.js";
import { benchStorms } from "./storms.js";

const OPTIONS = {
  minutes: { type: "string" },
  days: { type: "string" },
  json: { type: "string" },
  targets: { type: "string" },
  series: { type: "string" },
  hours: { type: "string" },
  interval: { type: "string" },
  systems: { type: "string" },
  bodies: { type: "string" },
  node: { type: "string", multiple: true },
  "pihealth-series": { type: "boolean", default: false },
  data: { type: "string" },
  seconds: { type: "string" },
  only: { type: "string" },
} as const;

type Values = ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>["values"];

const BENCHMARKS: Readonly<Record<string, (values: Values) => Promise<BenchFigure[]>>> = {
  backfill: async ({ targets }) => [
    ...(await benchBackfill()),
    ...(await benchBackfillFleet({ targets: Number(targets ?? 100) })),
  ],
  blocks: () => benchBlocks(),
  "busy-queries": ({ targets, series, hours, only, systems, node, data }) =>
    benchBusyQueries({
      targets: Number(targets ?? 60),
      seriesPerTarget: Number(series ?? 300),
      hours: Number(hours ?? 4),
      rounds: 2,
      only: only ?? "",
      systems: (systems ?? "pihealth,prometheus").split(","),
      nodeFlags: node ?? [],
      dataFolder: data,
    }),
  exporter: ({ minutes }) => benchExporter({ minutes: Number(minutes ?? 10) }),
  fleet: (values) =>
    benchFleet({
      targets: Number(values.targets ?? 1000),
      series: Number(values.series ?? 507),
      intervalSeconds: Number(values.interval ?? 5),
      minutes: Number(values.minutes ?? 3),
      systems: (values.systems ?? "pihealth,prometheus,victoriametrics").split(","),
      bodies: values.bodies,
      hasPihealthSeries: values["pihealth-series"],
      nodeFlags: values.node ?? [],
    }),
  "fleet-size": (values) =>
    benchFleetSize({
      targets: Number(values.targets ?? 10_000),
      series: Number(values.series ?? 300),
      intervalSeconds: Number(values.interval ?? 15),
      minutes: Number(values.minutes ?? 3),
      bodies: values.bodies,
      hasPihealthSeries: values["pihealth-series"],
      nodeFlags: values.node ?? [],
    }),
  "host-logs": ({ targets }) => benchHostLogs({ targets: Number(targets ?? 10_000) }),
  history: ({ days }) => benchHistory({ days: Number(days ?? 7) }),
  "own-timestamps": ({ series }) =>
    benchOwnTimestamps({ series: Number(series ?? 5000), samplesPerSeries: 120, repetitions: 5 }),
  query: ({ targets, series, hours, node, data }) =>
    benchQueries({
      targets: Number(targets ?? 200),
      seriesPerTarget: Number(series ?? 500),
      hours: Number(hours ?? 6),
      repetitions: 5,
      nodeFlags: node ?? [],
      dataFolder: data,
    }),
  restart: (values) =>
    benchRestart({
      targets: Number(values.targets ?? 2000),
      intervalSeconds: Number(values.interval ?? 15),
      minutes: Number(values.minutes ?? 2),
      series: Number(values.series ?? 507),
      bodies: values.bodies,
      hasPihealthSeries: values["pihealth-series"],
      systems: (values.systems ?? "pihealth,prometheus").split(","),
      nodeFlags: values.node ?? [],
    }),
  "scrape-parse": () => benchScrapeParse(),
  storage: ({ targets }) => benchStorageFigures({ targets: Number(targets ?? 200) }),
  storms: ({ seconds, only, systems, node }) =>
    benchStorms({
      seconds: Number(seconds ?? 30),
      only: only ?? "",
      systems: (systems ?? "pihealth,prometheus").split(","),
      nodeFlags: node ?? [],
    }),
};

async function main(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: OPTIONS,
  });
  const names = positionals.length === 0 ? Object.keys(BENCHMARKS) : positionals;
  const figures: BenchFigure[] = [];
  for (const name of names) {
    const run = BENCHMARKS[name];
    if (run === undefined) {
      process.stderr.write(
        `Cannot run benchmark "${name}": it must be one of ${Object.keys(BENCHMARKS).join(", ")}\n`,
      );
      return 2;
    }
    figures.push(...(await run(values)));
  }
  console.log(renderFigures(figures));
  if (values.json !== undefined)
    writeFileSync(values.json, `${JSON.stringify(figures, undefined, 2)}\n`);
  return 0;
}

process.exitCode = await main(process.argv.slice(2));
