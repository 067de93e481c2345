import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { askBadQuestion, BAD_QUESTIONS } from "../support/bad-questions.js";
import { ChildProgram, waitFor } from "../support/child-program.js";
import { freePort } from "../support/loopback-servers.js";
import { itemAt } from "../../exporter/shared/model/get-or-throw.js";
import { querySeries, type Series } from "../support/api-response.js";
import { RealPrometheus } from "../support/real-prometheus.js";

/**
 * A real scraper of 50 targets answers the most expensive queries. The steps build on each other.
 */
const TARGETS = 50;
const SERIES = 100;
const INTERVAL_SECONDS = 3;
/** Scrapes of every target while the query runs: more than ten seconds. */
const ROUNDS = 4;

const folder = mkdtempSync(path.join(tmpdir(), "pihealth-busy-api-"));
const exporters: Server[] = [];
/** Scrapes of each target so far. */
const scrapes = new Array<number>(TARGETS).fill(0);
let url = "";
let scraper: ChildProgram;

before(async () => {
  const port = await freePort();
  for (let index = 0; index < TARGETS; index++) exporters.push(await startExporter(index, port));
  const targets = scrapes.map((_, index) => `"${addressOf(index)}:${port}"`).join(", ");
  writeFileSync(
    path.join(folder, "pihealthd.yml"),
    `
global: { scrape_interval: ${INTERVAL_SECONDS}s, scrape_timeout: ${INTERVAL_SECONDS}s, external_labels: { site: home } }
scrape_configs: [{ job_name: busy, static_configs: [{ targets: [${targets}] }] }]
storage: { path: ${folder}/data }
query: { timeout: 1h }
`,
  );
  const own = await freePort();
  const listen = `--listen-address=127.0.0.1:${own}`;
  scraper = ChildProgram.ofOurs("scraper/program/main.js", [
    `--config=${folder}/pihealthd.yml`,
    listen,
  ]);
  url = `http://127.0.0.1:${own}`;
  await waitFor("every target to be scraped", () => Math.min(...scrapes) >= 2 || undefined, {
    describe,
  });
});

after(async () => {
  await scraper?.stop("SIGKILL");
  for (const exporter of exporters) {
    exporter.closeAllConnections();
    exporter.close();
  }
  rmSync(folder, { recursive: true, force: true });
});

const addressOf = (index: number): string => `127.0.5.${index + 1}`;
const describe = (): string => scraper.text.slice(-5000);

function startExporter(index: number, port: number): Promise<Server> {
  const lines = Array.from(
    { length: SERIES },
    (_, n) => `busy_value{n="${n}",text="${"a".repeat(200)}"} ${n}\n`,
  ).join("");
  const server = createServer((_request, response) => {
    scrapes[index] = itemAt(scrapes, index) + 1;
    response.writeHead(200, { "Content-Type": "text/plain; version=0.0.4" }).end(lines);
  });
  return new Promise((resolve) => server.listen(port, addressOf(index), () => resolve(server)));
}

const query = (expression: string, from = url): Promise<readonly Series[]> =>
  querySeries(from, expression);
/** The values of an instant query, without their times. */
const valuesOf = (series: readonly Series[]): (string | undefined)[] =>
  series.map(({ points: [point] }) => point?.[1]);

async function missedScrapes(): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const values = [...text.matchAll(/^pihealth_scrape_pool_missed_total\{[^}]*\} (\d+)$/gm)].map(
    ([, value]) => Number(value),
  );
  assert.ok(values.length >= 5, text);
  return values.reduce((sum, value) => sum + value, 0);
}

/** Hours of work. Each of its parts stays below every limit. */
function endlessExpression(): string {
  const parts = [
    "max_over_time(cos(vector(time()))[500s:1ms])",
    "max(quantile_over_time(0.9, (sum by (instance) (rate(busy_value[15s])))[2s:1ms]))",
    'count(label_replace(busy_value{text=~"(a+)+"}, "x", "$1", "text", "(.*)")) * vector(scalar(sum(topk(5, busy_value))))',
    "min_over_time(stddev(vector(time() % 7) or vector(1))[500s:1ms])",
  ];
  return Array.from({ length: 450 }, (_, index) => `(${parts[index % parts.length]})`).join(" + ");
}

test("While a query runs for more than ten seconds, no scrape of any target is missed", async () => {
  const missedBefore = await missedScrapes();
  const departure = new AbortController();
  let isAnswered = false;
  const body = new URLSearchParams({ query: endlessExpression() });
  const asked = fetch(`${url}/api/v1/query`, { method: "POST", body, signal: departure.signal })
    .then(async (response) =>
      assert.fail(`answered ${response.status}: ${(await response.text()).slice(0, 500)}`),
    )
    .finally(() => (isAnswered = true));
  const before = [...scrapes];
  const { cpuSeconds } = scraper.usage();
  const startedSeconds = Date.now() / 1000;
  const isThrough = (): true | undefined =>
    isAnswered ||
    scrapes.every((count, index) => count >= itemAt(before, index) + ROUNDS) ||
    undefined;
  await waitFor("four scrapes of every target", isThrough, { describe });
  assert.equal(isAnswered, false, "the query still runs");
  assert.ok(scraper.usage().cpuSeconds - cpuSeconds > 2, "the query uses the processor");
  departure.abort();
  await assert.rejects(asked, /abort/i);
  assert.equal(await missedScrapes(), missedBefore);
  const rounds = Math.floor((Date.now() / 1000 - startedSeconds) / INTERVAL_SECONDS) - 1;
  const stored = await query(
    `count_over_time(up{job="busy"}[${(rounds + 1) * INTERVAL_SECONDS}s]) >= ${rounds}`,
  );
  assert.equal(stored.length, TARGETS, "samples of all targets at every interval");
});

test("Every bad query is refused with its own message, and scrapes continue", async () => {
  for (const question of BAD_QUESTIONS) {
    await askBadQuestion(url, question, 120_000).catch((error: unknown) => {
      throw new Error(`${question.name}: ${String(error)}`, { cause: error });
    });
  }
  assert.equal((await query('up{job="busy"} == 1')).length, TARGETS);
  assert.equal(await missedScrapes(), 0);
});

test("A real Prometheus federates from the running scraper", async () => {
  const config = `
scrape_configs:
  - job_name: federate
    scrape_interval: 1s
    honor_labels: true
    metrics_path: /federate
    params: { "match[]": ['{__name__=~"busy_value|up",n=~"|7"}'] }
    static_configs: [{ targets: ["${new URL(url).host}"] }]
`;
  const prometheus = await RealPrometheus.start({ config });
  try {
    const find = async (): Promise<readonly Series[] | undefined> => {
      const found = await query('busy_value{job="busy"}', prometheus.url);
      return found.length === TARGETS ? found : undefined;
    };
    const found = await waitFor("the federated series", find, {
      describe: () => prometheus.program.text,
    });
    assert.deepEqual(new Set(valuesOf(found)), new Set(["7"]));
    for (const { metric } of found) assert.deepEqual([metric["site"], metric["n"]], ["home", "7"]);
    assert.deepEqual(
      found.map(({ metric }) => metric["instance"]?.split(":")[0]).sort(),
      scrapes.map((_, index) => addressOf(index)).sort(),
    );
    const health = await query('up{job="federate"}', prometheus.url);
    assert.deepEqual(valuesOf(health), ["1"], prometheus.program.text);
  } finally {
    await prometheus.stop();
  }
});
