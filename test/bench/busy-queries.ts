/**
 * Heavy requests: our scraper as a child process, over blocks and a head with millions of samples, with
 * rules, alerts and targets. First each request alone, then twenty at once, while another thread asks
 * `/-/healthy` every 20 ms.
 *
 * Measured are the waits for `/-/healthy` (wall clock, so other programs count), and by
 * turn-probe.ts the longest turn of the main thread in its own processor time and the longest pause for
 * garbage collection. Prometheus gets the same samples by remote write and the same requests, as far as
 * it has them.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import os from "node:os";
import path from "node:path";
import { Worker } from "node:worker_threads";
import { JsonFields } from "../../exporter/shared/codec/json-fields.js";
import { Labels } from "../../exporter/shared/model/labels.js";
import { systemClock } from "../../exporter/shared/platform/clock.js";
import { ChildProgram, waitFor } from "../support/child-program.js";
import { freePort } from "../support/loopback-servers.js";
import { RealPrometheus } from "../support/real-prometheus.js";
import { REPOSITORY } from "../support/repository.js";
import { type BusyRequest, busyRequests } from "./busy-requests.js";
import type { BenchFigure } from "./figure.js";
import { startInstalledScraper } from "./installed-scraper.js";
import { type QueryData, SCRAPE_INTERVAL_MS, writeQueryData } from "./query-data.js";
import { openBenchStorage } from "./storage.js";

const AT_ONCE = 20;
const PROBE_EVERY_MS = 20;
const ALERTS = 20_000;
const DOCUMENTED_TARGETS = 20;
const METRICS_OF_DOCUMENTED = 2000;
/** A target with very many series, and one whose series come and go. */
const WIDE = { series: 50_000, rows: 90 };
const CHURN = { series: 500, rowsOfSeries: 10, rows: 300 };
const REQUEST_TIMEOUT_MS = 180_000;

export interface BusyOptions {
  readonly targets: number;
  readonly seriesPerTarget: number;
  readonly hours: number;
  /** Rounds of all requests with twenty at once. */
  readonly rounds: number;
  /** Only requests whose name contains the text. */
  readonly only: string;
  readonly systems: readonly string[];
  readonly nodeFlags: readonly string[];
  /** Keeps the samples here for the next run. */
  readonly dataFolder?: string | undefined;
}

interface Turns {
  readonly longestTurnMs: number;
  readonly longTurns: number;
  readonly longestGcMs: number;
}

export async function benchBusyQueries(options: BusyOptions): Promise<BenchFigure[]> {
  const folder = options.dataFolder ?? mkdtempSync(path.join(os.tmpdir(), "pihealth-busy-"));
  const port = await freePort();
  const targets = ChildProgram.ofOurs("test/bench/storm-server.js", [String(port)]);
  try {
    const data = await prepareData(folder, options);
    const figures: BenchFigure[] = [];
    const ours = await measureOurs(folder, data, port, options);
    figures.push(...ours.figures);
    const theirs = options.systems.includes("prometheus")
      ? await measurePrometheus(folder, data, options)
      : undefined;
    figures.push(...waitFigures(ours.waits, theirs));
    return figures;
  } finally {
    await targets.stop();
    if (options.dataFolder === undefined) rmSync(folder, { recursive: true, force: true });
  }
}

async function prepareData(folder: string, options: BusyOptions): Promise<QueryData> {
  const description = path.join(folder, "data.json");
  try {
    const fields = JsonFields.parse(readFileSync(description, "utf8"), "description of the data");
    const [fromMs, untilMs] = [fields.timeMs("fromMs"), fields.timeMs("untilMs")];
    return {
      targets: options.targets,
      seriesPerTarget: options.seriesPerTarget,
      fromMs,
      untilMs,
    };
  } catch {
    mkdirSync(folder, { recursive: true });
  }
  const untilMs = Math.floor(Date.now() / SCRAPE_INTERVAL_MS) * SCRAPE_INTERVAL_MS;
  const { targets, seriesPerTarget, hours } = options;
  const data = { targets, seriesPerTarget, fromMs: untilMs - hours * 3_600_000, untilMs };
  const ours = path.join(folder, "ours");
  if (options.systems.includes("prometheus")) {
    const prometheus = await RealPrometheus.start({
      dataFolder: path.join(folder, "theirs"),
      flags: ["--web.enable-remote-write-receiver"],
    });
    await writeQueryData(data, { folder: ours, prometheusUrl: prometheus.url });
    await prometheus.stop();
  } else await writeQueryData(data, { folder: ours });
  await writeUnusual(ours, untilMs);
  writeFileSync(description, JSON.stringify(data));
  return data;
}

/** Adds the wide and the churning target; ours only. */
async function writeUnusual(folder: string, untilMs: number): Promise<void> {
  const storage = await openBenchStorage(folder, { ...systemClock, wallMs: () => untilMs });
  const wideLabels = Array.from({ length: WIDE.series }, (_, index) =>
    Labels.of({ __name__: `wide_${index % 100}`, part: String(index) }),
  );
  const wideLayout = storage.internLayout(wideLabels);
  const wide = storage.openTable({
    folder: "hosts/10.8.0.1",
    labels: Labels.of({ instance: "10.8.0.1:8732", job: "wide" }),
  });
  for (let row = WIDE.rows; row > 0; row--) {
    const values = Float64Array.from(wideLabels, (_, index) => index + (row % 7));
    wide.append(untilMs - row * SCRAPE_INTERVAL_MS, wideLayout, values);
    if (row % 10 === 0) await storage.commit();
  }
  const churn = storage.openTable({
    folder: "hosts/10.8.0.2",
    labels: Labels.of({ instance: "10.8.0.2:8732", job: "churn" }),
  });
  for (let row = CHURN.rows; row > 0; row--) {
    const generation = Math.floor(row / CHURN.rowsOfSeries);
    const layout = storage.internLayout(
      Array.from({ length: CHURN.series }, (_, index) =>
        Labels.of({ __name__: `churn_${index % 10}`, pod: `${generation}-${index}` }),
      ),
    );
    const values = Float64Array.from({ length: CHURN.series }, (_, index) => index);
    churn.append(untilMs - row * SCRAPE_INTERVAL_MS, layout, values);
    if (row % 50 === 0) await storage.commit();
  }
  await storage.maintainBlocks();
  await storage.stop();
}

async function measureOurs(
  folder: string,
  data: QueryData,
  targetPort: number,
  options: BusyOptions,
): Promise<{ figures: BenchFigure[]; waits: number[] }> {
  const port = await freePort();
  const base = `http://127.0.0.1:${port}`;
  writeConfig(folder, { port, targetPort });
  const probeFile = path.join(folder, "turns.json");
  rmSync(probeFile, { force: true });
  const program = startInstalledScraper(
    ["--config", path.join(folder, "pihealthd.yml")],
    ["--import", path.join(REPOSITORY, "dist/test/bench/turn-probe.js"), ...options.nodeFlags],
    { TURN_PROBE_FILE: probeFile },
  );
  try {
    await waitFor("our scraper", async () => (await fetch(`${base}/-/ready`)).ok || undefined, {
      describe: () => program.text,
    });
    if (options.only === "") await waitForAlerts(base);
    const probe = new TurnFile(probeFile, program);
    const requests = busyRequests(data).filter(({ name }) => name.includes(options.only));
    const figures: BenchFigure[] = [];
    await probe.read();
    for (const request of requests) {
      const answer = await send(base, request);
      const figure = turnFigure(`${request.name} (${answer})`, await probe.read());
      console.log(`${figure.name}: ${figure.ours.toFixed(0)} ms`);
      figures.push(figure);
    }
    const waits = await storm(base, requests, options.rounds);
    const turns = await probe.read();
    figures.push(turnFigure(`${AT_ONCE} at once`, turns), {
      name: `${AT_ONCE} at once: turns over 50 ms`,
      unit: "",
      ours: turns.longTurns,
      aim: "0",
    });
    figures.push({
      name: `${AT_ONCE} at once: longest pause for garbage collection`,
      unit: "ms",
      ours: turns.longestGcMs,
      aim: "50 ms",
    });
    figures.push({
      name: "memory, peak",
      unit: "MB",
      ours:
        Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${program.pid}/status`, "utf8"))?.[1]) /
        1024,
      aim: "bounded",
    });
    return { figures, waits };
  } finally {
    await program.stop();
  }
}

/** The figures that turn-probe.ts writes. */
class TurnFile {
  private sequence = 0;

  constructor(
    private readonly file: string,
    private readonly program: ChildProgram,
  ) {}

  /** The figures since the last call. */
  async read(): Promise<Turns> {
    process.kill(this.program.pid, "SIGUSR2");
    this.sequence++;
    return waitFor("the figures of the turns", () => {
      const fields = JsonFields.parse(readFileSync(this.file, "utf8"), "figures of the turns");
      if (fields.number("sequence") !== this.sequence) return undefined;
      return {
        longestTurnMs: fields.number("longestTurnMs"),
        longTurns: fields.number("longTurns"),
        longestGcMs: fields.number("longestGcMs"),
      };
    });
  }
}

async function waitForAlerts(base: string): Promise<void> {
  await waitFor("the alerts", async () => {
    const text = await (await fetch(`${base}/metrics`)).text();
    const firing = Number(/^pihealth_rule_alerts\{state="firing"\} (.*)$/m.exec(text)?.[1]);
    return firing >= ALERTS || undefined;
  });
}

async function measurePrometheus(
  folder: string,
  data: QueryData,
  { rounds, only }: BusyOptions,
): Promise<number[]> {
  const prometheus = await RealPrometheus.start({
    dataFolder: path.join(folder, "theirs"),
    flags: ["--enable-feature=promql-experimental-functions"],
  });
  try {
    const requests = busyRequests(data).filter(
      ({ name, isCommon }) => isCommon && name.includes(only),
    );
    return await storm(prometheus.url, requests, rounds);
  } finally {
    await prometheus.stop();
  }
}

/**
 * Sends all requests, twenty at once.
 *
 * @returns the waits for `/-/healthy` in milliseconds
 */
async function storm(
  base: string,
  requests: readonly BusyRequest[],
  rounds: number,
): Promise<number[]> {
  const prober = new Worker(new URL("./health-prober.js", import.meta.url), {
    workerData: JSON.stringify({ url: `${base}/-/healthy`, everyMs: PROBE_EVERY_MS }),
  });
  const queue = Array.from({ length: rounds }, () => requests)
    .flat()
    .values();
  const work = async (): Promise<void> => {
    for (const request of queue) await send(base, request);
  };
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    return await new Promise<number[]>((resolve) => {
      prober.once("message", resolve);
      prober.postMessage("report");
    });
  } finally {
    await prober.terminate();
  }
}

const agent = new http.Agent({ keepAlive: true });

/** @returns the status and the length of the answer, for the report */
function send(base: string, { method, path: target, form }: BusyRequest): Promise<string> {
  const body = form === undefined ? undefined : new URLSearchParams(form).toString();
  const headers =
    body === undefined
      ? {}
      : {
          "Content-Type": "application/x-www-form-urlencoded",
          "Content-Length": Buffer.byteLength(body),
        };
  return new Promise((resolve) => {
    const request = http.request(base + target, { method, agent, headers }, (response) => {
      let bytes = 0;
      response.on("data", (piece: Buffer) => (bytes += piece.length));
      response.on("close", () =>
        resolve(`${response.statusCode ?? 0}, ${(bytes / 1e6).toFixed(1)} MB`),
      );
    });
    request.setTimeout(REQUEST_TIMEOUT_MS, () => request.destroy());
    request.on("error", () => resolve("no answer"));
    request.end(body);
  });
}

function writeConfig(folder: string, ports: { port: number; targetPort: number }): void {
  const target = `127.0.0.1:${ports.targetPort}`;
  const documented = Array.from(
    { length: DOCUMENTED_TARGETS },
    (_, index) =>
      `  - job_name: doc${index}\n    metrics_path: /helps\n    scrape_interval: 15s\n` +
      `    params: { n: ["${METRICS_OF_DOCUMENTED}"], i: ["${index}"] }\n` +
      `    static_configs: [{ targets: ["${target}"] }]\n`,
  ).join("");
  const quiet = Array.from({ length: 500 }, (_, index) => ({
    alert: `Idle${index}`,
    expr: `small{i="${index}"} > 1e9`,
  }));
  const rules = {
    groups: [
      {
        name: "storm",
        interval: "15s",
        rules: [{ alert: "Storm", expr: '{job="storm",i!=""} > -1' }],
      },
      { name: "quiet", interval: "15s", rules: quiet },
    ],
  };
  writeFileSync(path.join(folder, "rules.yml"), JSON.stringify(rules));
  writeFileSync(
    path.join(folder, "pihealthd.yml"),
    `rule_files: [rules.yml]\nscrape_configs:\n` +
      `  - job_name: storm\n    metrics_path: /series\n    params: { n: ["${ALERTS}"] }\n` +
      `    scrape_interval: 15s\n    static_configs: [{ targets: ["${target}"] }]\n${documented}` +
      `storage: { path: ${path.join(folder, "ours")} }\n` +
      `query: { enable_features: [promql-experimental-functions] }\n` +
      `web: { listen_address: 127.0.0.1, port: ${ports.port} }\n`,
  );
}

const turnFigure = (name: string, { longestTurnMs }: Turns): BenchFigure => ({
  name: `longest turn: ${name}`,
  unit: "ms",
  ours: longestTurnMs,
  aim: "50 ms",
});

function waitFigures(
  ours: readonly number[],
  theirs: readonly number[] | undefined,
): BenchFigure[] {
  const figure = (name: string, share: number, aim: string): BenchFigure => ({
    name: `wait for /-/healthy, ${name}`,
    unit: "ms",
    ours: quantile(ours, share),
    ...(theirs === undefined ? {} : { peer: quantile(theirs, share), peerName: "Prometheus" }),
    aim,
  });
  return [figure("p50", 0.5, "-"), figure("p99", 0.99, "100 ms"), figure("max", 1, "100 ms")];
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
