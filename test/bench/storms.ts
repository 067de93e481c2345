/**
 * Storms: loads that come all at once. Each one runs against our scraper and against Prometheus, one
 * after the other, beside small targets that are scraped every second. Measured are CPU time, memory,
 * the longest wait for `/-/healthy`, scrapes that the small targets miss, and the time that SIGTERM
 * takes in the middle of the storm.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import os from "node:os";
import path from "node:path";
import { JsonFields } from "../../exporter/shared/codec/json-fields.js";
import { ChildProgram, waitFor } from "../support/child-program.js";
import { freePort } from "../support/loopback-servers.js";
import type { BenchFigure } from "./figure.js";
import { startInstalledScraper } from "./installed-scraper.js";

const SMALL_TARGETS = 20;
const PROBE_EVERY_MS = 20;
/** Fleet token of our scraper, for the requests that create silences. */
const TOKEN = "0123456789abcdef";
/** Time until the storm has begun: programs have started, targets are scraped. */
const WARM_UP_MS = 6000;

interface Storm {
  readonly name: string;
  /** Path and parameters of the target that brings the storm. */
  readonly metricsPath: string;
  readonly series: number;
  readonly interval: string;
  /** Settings of its job, such as `sample_limit`. */
  readonly settings?: string;
  readonly rules?: () => string;
  /** Requests that are sent one after the other during the storm. */
  readonly asked?: readonly string[];
  /** Silences that are created before the storm, in our scraper and in Alertmanager. */
  readonly silences?: number;
  /** Alerts fire: Prometheus sends them to an Alertmanager, whose cost counts with its own. */
  readonly isNotified?: boolean;
}

const STORMS: readonly Storm[] = [
  // The cost of the small targets and of the requests for `/-/healthy`, for comparison.
  { name: "no storm", metricsPath: "/series", series: 1, interval: "5s" },
  {
    name: "20,000 alerts at once",
    metricsPath: "/series",
    series: 20_000,
    interval: "5s",
    rules: () => groupOf("5s", [{ alert: "Storm", expr: '{job="storm",i!=""} > -1' }]),
    asked: ["/api/v1/alerts", "/api/v1/rules"],
    isNotified: true,
  },
  {
    name: "1,000 silences beside 20,000 alerts",
    metricsPath: "/series",
    series: 20_000,
    interval: "5s",
    rules: () => groupOf("5s", [{ alert: "Storm", expr: '{job="storm",i!=""} > -1' }]),
    asked: ["/api/v1/alerts"],
    silences: 1000,
    isNotified: true,
  },
  {
    name: "2,000 rules that do not fire",
    metricsPath: "/series",
    series: 2000,
    interval: "5s",
    rules: () =>
      groupOf(
        "5s",
        Array.from({ length: 2000 }, (_, index) => ({
          alert: `Idle${index}`,
          expr: `m_${index % 50}{i="${index}"} > 1e9`,
        })),
      ),
  },
  {
    name: "500 alerts flap every second",
    metricsPath: "/flap",
    series: 500,
    interval: "1s",
    rules: () => groupOf("1s", [{ alert: "Flap", expr: "flap == 1" }]),
    isNotified: true,
  },
  { name: "50,000 new series every 15 s", metricsPath: "/new", series: 50_000, interval: "15s" },
  {
    name: "a target of a million series, sample_limit 1,000",
    metricsPath: "/big",
    series: 1_000_000,
    interval: "5s",
    settings: "sample_limit: 1000",
  },
  {
    name: "a target of 200,000 series",
    metricsPath: "/big",
    series: 200_000,
    interval: "5s",
  },
];

interface Measured {
  readonly cpuSeconds: number;
  readonly peakBytes: number;
  readonly longestWaitMs: number;
  readonly missedScrapes: number;
  readonly stopSeconds: number;
}

interface Peer {
  readonly name: string;
  readonly agent: RegExp;
  readonly start: (folder: string, port: number, nodeFlags: readonly string[]) => ChildProgram;
}

const PEERS: readonly Peer[] = [
  {
    name: "pihealth",
    agent: /^pihealth/,
    start: (folder, _port, nodeFlags) =>
      startInstalledScraper(["--config", path.join(folder, "pihealthd.yml")], nodeFlags),
  },
  {
    name: "Prometheus",
    agent: /^Prometheus/,
    start: (folder, port) =>
      new ChildProgram("prometheus", [
        `--config.file=${path.join(folder, "prometheus.yml")}`,
        `--storage.tsdb.path=${path.join(folder, "data")}`,
        `--web.listen-address=127.0.0.1:${port}`,
      ]),
  },
];

export interface StormOptions {
  /** Measured time of each storm. */
  readonly seconds: number;
  /** Runs only storms whose name contains this text. */
  readonly only: string;
  readonly systems: readonly string[];
  readonly nodeFlags: readonly string[];
}

export async function benchStorms(options: StormOptions): Promise<BenchFigure[]> {
  const folder = mkdtempSync(path.join(os.tmpdir(), "pihealth-storms-"));
  const port = await freePort();
  const server = ChildProgram.ofOurs("test/bench/storm-server.js", [String(port)]);
  try {
    await waitFor("the storm server", () => (server.text.includes("ready") ? true : undefined));
    const figures: BenchFigure[] = [];
    for (const storm of STORMS.filter(({ name }) => name.includes(options.only))) {
      const measured = new Map<string, Measured>();
      for (const peer of PEERS.filter(({ name }) => options.systems.includes(name.toLowerCase()))) {
        const folderOfRun = path.join(folder, `${STORMS.indexOf(storm)}-${peer.name}`);
        const run = { storm, peer, targetPort: port, folder: folderOfRun, options };
        measured.set(peer.name, await measure(run));
      }
      figures.push(...figuresOf(storm, measured));
    }
    return figures;
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Run {
  readonly storm: Storm;
  readonly peer: Peer;
  readonly targetPort: number;
  readonly folder: string;
  readonly options: StormOptions;
}

async function measure({ storm, peer, targetPort, folder, options }: Run): Promise<Measured> {
  const port = await freePort();
  const hasPeer = peer.name === "Prometheus" && storm.isNotified === true;
  const alertmanagerPort = hasPeer ? await freePort() : undefined;
  writeFiles(folder, storm, { targetPort, port, alertmanagerPort });
  const program = peer.start(folder, port, options.nodeFlags);
  const alertmanager =
    alertmanagerPort === undefined ? undefined : startAlertmanager(folder, alertmanagerPort);
  const cpuNow = (): number => program.usage().cpuSeconds + (alertmanager?.usage().cpuSeconds ?? 0);
  const base = `http://127.0.0.1:${port}`;
  const stopping = new AbortController();
  try {
    await waitFor("the start", () => get(`${base}/-/healthy`), { describe: () => program.text });
    if (alertmanager !== undefined)
      await waitFor("Alertmanager", () => get(`http://127.0.0.1:${alertmanagerPort}/-/healthy`), {
        describe: () => alertmanager.text,
      });
    const silencer = alertmanagerPort === undefined ? base : `http://127.0.0.1:${alertmanagerPort}`;
    await createSilences(silencer, storm.silences ?? 0);
    const asking = askAgain(base, storm.asked ?? [], stopping.signal);
    await pause(WARM_UP_MS);
    await get(`http://127.0.0.1:${targetPort}/small-counts`);
    const before = cpuNow();
    const { longestWaitMs, peakBytes } = await probe(base, program, options.seconds * 1000);
    const cpuSeconds = cpuNow() - before;
    const missedScrapes = await missedOf(peer, targetPort, options.seconds);
    const stopMs = performance.now();
    await program.stop();
    const stopSeconds = (performance.now() - stopMs) / 1000;
    stopping.abort();
    await asking;
    return { cpuSeconds, peakBytes, longestWaitMs, missedScrapes, stopSeconds };
  } finally {
    stopping.abort();
    await program.stop("SIGKILL");
    await alertmanager?.stop("SIGKILL");
  }
}

/** An Alertmanager that notifies nobody, as our scraper without notification settings. */
function startAlertmanager(folder: string, port: number): ChildProgram {
  const config = "route: { receiver: nobody }\nreceivers: [{ name: nobody }]\n";
  writeFileSync(path.join(folder, "alertmanager.yml"), config);
  return new ChildProgram("prometheus-alertmanager", [
    `--config.file=${path.join(folder, "alertmanager.yml")}`,
    `--storage.path=${path.join(folder, "alertmanager")}`,
    `--web.listen-address=127.0.0.1:${port}`,
    "--cluster.listen-address=",
  ]);
}

/** Asks for `/-/healthy` all the time. */
async function probe(
  base: string,
  program: ChildProgram,
  forMs: number,
): Promise<{ longestWaitMs: number; peakBytes: number }> {
  const untilMs = performance.now() + forMs;
  let longestWaitMs = 0;
  let peakBytes = 0;
  while (performance.now() < untilMs) {
    const startMs = performance.now();
    await get(`${base}/-/healthy`);
    longestWaitMs = Math.max(longestWaitMs, performance.now() - startMs);
    peakBytes = Math.max(peakBytes, program.usage().residentBytes);
    await pause(PROBE_EVERY_MS);
  }
  return { longestWaitMs, peakBytes };
}

async function askAgain(
  base: string,
  paths: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted && paths.length > 0) {
    for (const asked of paths) await get(base + asked).catch(() => undefined);
    await pause(1000);
  }
}

/** Alertmanager refuses requests until it has read its configuration. */
async function fetchWhenReady(url: string, init: RequestInit): Promise<Response> {
  for (let attempt = 1; ; attempt++) {
    const response = await fetch(url, init);
    if (response.status !== 503 || attempt === 50) return response;
    await pause(200);
  }
}

async function createSilences(base: string, count: number): Promise<void> {
  for (let index = 0; index < count; index++) {
    const response = await fetchWhenReady(`${base}/api/v2/silences`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${TOKEN}` },
      body: JSON.stringify({
        matchers: [
          { name: "i", value: `9${index}[0-9]`, isRegex: true, isEqual: true },
          { name: "alertname", value: `Other${index}`, isRegex: false, isEqual: true },
        ],
        startsAt: new Date().toISOString(),
        endsAt: new Date(Date.now() + 3_600_000).toISOString(),
        createdBy: "bench",
        comment: "storm",
      }),
    });
    if (!response.ok) throw new Error(`Cannot create a silence: ${await response.text()}`);
  }
}

async function missedOf({ agent }: Peer, targetPort: number, seconds: number): Promise<number> {
  const text = await get(`http://127.0.0.1:${targetPort}/small-counts`);
  const fields = JsonFields.parse(text, "counts of the small targets");
  const name = fields.keys.find((key) => agent.test(String(key)));
  const requests = name === undefined ? 0 : fields.object(name).number("requests");
  // One scrape of each target may lie on either side of the edges.
  return Math.max(0, SMALL_TARGETS * (seconds - 1) - requests);
}

function writeFiles(
  folder: string,
  storm: Storm,
  {
    targetPort,
    port,
    alertmanagerPort,
  }: { targetPort: number; port: number; alertmanagerPort: number | undefined },
): void {
  mkdirSync(folder, { recursive: true });
  const target = `127.0.0.1:${targetPort}`;
  const smallJobs = Array.from(
    { length: SMALL_TARGETS },
    (_, index) =>
      `  - { job_name: small${index}, metrics_path: /small, params: { i: ["${index}"] }, ` +
      `scrape_interval: 1s, scrape_timeout: 1s, static_configs: [{ targets: ["${target}"] }] }\n`,
  ).join("");
  const common =
    `rule_files: [rules.yml]\nscrape_configs:\n` +
    `  - job_name: storm\n    metrics_path: ${storm.metricsPath}\n    params: { n: ["${storm.series}"] }\n` +
    `    scrape_interval: ${storm.interval}\n    scrape_timeout: ${storm.interval}\n` +
    `    ${storm.settings ?? ""}\n    static_configs: [{ targets: ["${target}"] }]\n${smallJobs}`;
  writeFileSync(path.join(folder, "rules.yml"), storm.rules?.() ?? "groups: []\n");
  const alerting =
    alertmanagerPort === undefined
      ? ""
      : `alerting: { alertmanagers: [{ static_configs: [{ targets: ["127.0.0.1:${alertmanagerPort}"] }] }] }\n`;
  writeFileSync(path.join(folder, "prometheus.yml"), common + alerting);
  writeFileSync(path.join(folder, "token"), `${TOKEN}\n`, { mode: 0o600 });
  writeFileSync(
    path.join(folder, "pihealthd.yml"),
    `${common}fleet: { token_file: ${path.join(folder, "token")} }\n` +
      `storage: { path: ${path.join(folder, "data")} }\n` +
      `web: { listen_address: 127.0.0.1, port: ${port} }\n`,
  );
}

function groupOf(interval: string, rules: readonly object[]): string {
  return JSON.stringify({ groups: [{ name: "storm", interval, rules }] });
}

function get(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = http.get(url, (response) => {
      const pieces: Buffer[] = [];
      response.on("data", (piece: Buffer) => pieces.push(piece));
      response.on("end", () => resolve(Buffer.concat(pieces).toString("utf8")));
      response.on("error", reject);
    });
    request.on("error", reject);
  });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function figuresOf(storm: Storm, measured: ReadonlyMap<string, Measured>): BenchFigure[] {
  const ours = measured.get("pihealth");
  const peer = measured.get("Prometheus");
  if (ours === undefined) return [];
  const figure = (
    name: string,
    unit: string,
    read: (from: Measured) => number,
    aim: string,
  ): BenchFigure => ({
    name: `${storm.name}: ${name}`,
    unit,
    ours: read(ours),
    ...(peer === undefined ? {} : { peer: read(peer), peerName: "Prometheus" }),
    aim,
  });
  return [
    figure("CPU time", "s", ({ cpuSeconds }) => cpuSeconds, "no more than Prometheus"),
    figure("memory, peak", "MB", ({ peakBytes }) => peakBytes / 1e6, "bounded"),
    figure("longest wait for /-/healthy", "ms", ({ longestWaitMs }) => longestWaitMs, "100 ms"),
    figure("scrapes missed by small targets", "", ({ missedScrapes }) => missedScrapes, "0"),
    figure("SIGTERM", "s", ({ stopSeconds }) => stopSeconds, "30 s"),
  ];
}
