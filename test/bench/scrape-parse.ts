import { spawn } from "node:child_process";
import { once } from "node:events";
import http from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { parseExposition } from "../../exporter/shared/codec/exposition/exposition-parser.js";
import { itemAt } from "../../exporter/shared/model/get-or-throw.js";
import { Labels } from "../../exporter/shared/model/labels.js";
import { DEFAULT_SCRAPE_SETTINGS } from "../../scraper/fleet/target.js";
import { BodyChunkCache } from "../../scraper/scrape/body-chunk-cache.js";
import { BodyPlanCache, REPORT_COUNT } from "../../scraper/scrape/body-plan.js";
import { BodyReader } from "../../scraper/scrape/body-reader.js";
import { RowBuffer } from "../../scraper/scrape/row-buffer.js";
import { SeriesContext } from "../../scraper/scrape/series-context.js";
import { TargetRows } from "../../scraper/scrape/target-rows.js";
import type { SampleWriter } from "../../scraper/storage/model/sample-writer.js";
import type { BenchFigure } from "./figure.js";

const PORT = 19_137;
const BODIES = 12;
const BETWEEN_BODIES_MS = 300;
const ROUNDS = 400;
const REPEATS = 5;

/** Takes values like the head of the storage, and keeps only one row. */
function createWriter(): SampleWriter {
  const kept = new Float64Array(100_000);
  return {
    internLayout: (series) => ({ id: 1, series }),
    internLayoutInSlices: async (series) => ({ id: 1, series }),
    holdLayouts: () => () => undefined,
    openTable: () => ({
      append(_, __, values) {
        kept.set(values);
        return "appended";
      },
      appendStamped: () => 0,
      prepare: async () => undefined,
    }),
    commit: async () => undefined,
  };
}

/** From the bytes of a body to the row in the table, with bodies of a real node_exporter. */
export async function benchScrapeParse(): Promise<BenchFigure[]> {
  const bodies = await recordBodies();
  const samples = parseExposition(itemAt(bodies, 0)).samples.length;
  const unit = "ns/sample";
  return [
    {
      name: `scrape, layout unchanged (${samples} series)`,
      unit,
      ours: measure(unchanged(bodies), samples),
      aim: "<= 150",
    },
    {
      name: "scrape, one series comes or goes each time",
      unit,
      ours: measure(changing(bodies), samples),
      aim: "-",
    },
    {
      name: "scrape, first body of a target",
      unit,
      ours: measure(first(bodies), samples),
      aim: "-",
    },
  ];
}

/** The best of several runs, because other load only adds time. */
function measure(scrape: () => void, samples: number): number {
  const runs = Array.from({ length: REPEATS }, () => {
    const startNs = process.hrtime.bigint();
    for (let round = 0; round < ROUNDS; round++) scrape();
    return Number(process.hrtime.bigint() - startNs) / ROUNDS / samples;
  });
  return Math.min(...runs);
}

function unchanged(bodies: readonly Buffer[]): () => void {
  const scrape = createScrape();
  let index = 0;
  return () => scrape(itemAt(bodies, index++ % bodies.length));
}

/** Every second body has an additional family in the middle. */
function changing(bodies: readonly Buffer[]): () => void {
  const scrape = createScrape();
  const longer = bodies.map((body) => {
    const middle = body.indexOf("# HELP", body.length / 2);
    const family = '# HELP burst Here and gone.\n# TYPE burst gauge\nburst{pid="1"} 1\n';
    return Buffer.concat([body.subarray(0, middle), Buffer.from(family), body.subarray(middle)]);
  });
  let index = 0;
  return () => scrape(itemAt(index % 2 === 0 ? bodies : longer, index++ % bodies.length));
}

/** A new target in a fleet whose bodies are known. */
function first(bodies: readonly Buffer[]): () => void {
  const createTarget = createScraper();
  return () => createTarget()(itemAt(bodies, 0));
}

function createScrape(): (body: Buffer) => void {
  return createScraper()();
}

/** @returns a function that creates a target, which reads and stores one body per call */
function createScraper(): () => (body: Buffer) => void {
  const row = new RowBuffer();
  const writer = createWriter();
  const reader = new BodyReader(new BodyChunkCache(), row);
  const plans = new BodyPlanCache(writer);
  const labels = Labels.of({ job: "pi", instance: "10.0.0.7:9100" });
  const context = new SeriesContext(SETTINGS, labels);
  let timestampMs = 0;
  return () => {
    const rows = new TargetRows({ writer, row, key: { folder: "hosts/10.0.0.7", labels } });
    return (body) => {
      const chunks = reader.read(body, "text", rows.chunks, REPORT_COUNT);
      const plan = rows.planFor(chunks, context) ?? plans.planOf(chunks, context);
      const report = {
        durationSeconds: 0.01,
        samplesScraped: reader.sampleCount,
        samplesKept: plan.keptCount,
      };
      rows.writeBody((timestampMs += 15_000), plan, reader.timestamps, { ...report, up: 1 });
    };
  };
}

const SETTINGS = { ...DEFAULT_SCRAPE_SETTINGS, jobName: "pi" };

/**
 * Bodies of a node_exporter started for this. Bodies with other series than the first are left out.
 */
async function recordBodies(): Promise<Buffer[]> {
  const child = spawn("prometheus-node-exporter", [`--web.listen-address=127.0.0.1:${PORT}`], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  try {
    await once(child.stderr, "data");
    const bodies: Buffer[] = [];
    while (bodies.length < BODIES) {
      await pause(BETWEEN_BODIES_MS);
      const body = await fetchBody().catch(() => undefined);
      if (body !== undefined) bodies.push(body);
    }
    const seriesOf = (body: Buffer): string =>
      parseExposition(body)
        .samples.map(({ labels }) => labels.key)
        .join();
    const wanted = seriesOf(itemAt(bodies, -1));
    return bodies.filter((body) => seriesOf(body) === wanted);
  } finally {
    child.kill();
  }
}

function fetchBody(): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const request = http.get(`http://127.0.0.1:${PORT}/metrics`, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => resolve(Buffer.concat(chunks)));
    });
    request.on("error", reject);
  });
}
