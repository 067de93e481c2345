import { itemAt } from "../../../exporter/shared/model/get-or-throw.js";
import { Labels } from "../../../exporter/shared/model/labels.js";
import type {
  HttpRequest,
  HttpResponse,
} from "../../../exporter/shared/platform/http/http-client.js";
import { silentLogger } from "../../../exporter/shared/platform/logger.js";
import {
  DEFAULT_SCRAPE_SETTINGS,
  type ScrapeSettings,
  type Target,
} from "../../../scraper/fleet/target.js";
import {
  DEFAULT_POOL_SETTINGS,
  ScrapeManager,
  type PoolSettings,
} from "../../../scraper/scrape/scrape-manager.js";
import type { ScrapeOutcome } from "../../../scraper/scrape/target-scraper.js";
import { LARGE_BODY_BYTES } from "../../../scraper/scrape/large-bodies.js";
import { FakeClock } from "../../support/fake-clock.js";
import { MemorySampleWriter } from "./memory-sample-writer.js";

export const INTERVAL_MS = 15_000;

export const settings = (changes: Partial<ScrapeSettings> = {}): ScrapeSettings => ({
  ...DEFAULT_SCRAPE_SETTINGS,
  jobName: "pi",
  intervalMs: INTERVAL_MS,
  ...changes,
});

export function target(host = "10.0.0.7", scrapeSettings = settings(), port = 8732): Target {
  const instance = `${host}:${port}`;
  const labels = Labels.of({ job: scrapeSettings.jobName, instance });
  const url = `http://${instance}/metrics`;
  return {
    id: `${url} ${labels.key}`,
    url,
    host,
    port,
    labels,
    discoveredLabels: labels,
    settings: scrapeSettings,
  };
}

export type Answer = string | Buffer | Error | Partial<HttpResponse> | Promise<HttpResponse>;

export interface ScrapeFixture {
  readonly clock: FakeClock;
  readonly writer: MemorySampleWriter;
  readonly manager: ScrapeManager;
  readonly requests: HttpRequest[];
  readonly outcomes: ScrapeOutcome[];
}

export interface FixtureOptions {
  readonly answer: (request: HttpRequest) => Answer;
  readonly pools?: Partial<PoolSettings>;
  /** Bodies from this size on are read and stored in slices. */
  readonly largeBodyBytes?: number;
  readonly clock?: FakeClock;
}

/** Small bodies are stored at once, large ones in slices; the result must be the same. */
export const BODY_SIZES = [
  { size: "small", largeBodyBytes: Number.POSITIVE_INFINITY },
  { size: "large", largeBodyBytes: 0 },
] as const;

/** A started manager on a clock that stands still, with answers made by `answer`. */
export function createFixture({
  answer,
  pools = {},
  largeBodyBytes = LARGE_BODY_BYTES,
  clock = new FakeClock(),
}: FixtureOptions): ScrapeFixture {
  const writer = new MemorySampleWriter();
  const requests: HttpRequest[] = [];
  const outcomes: ScrapeOutcome[] = [];
  const manager = new ScrapeManager({
    writer,
    clock,
    log: silentLogger,
    version: "1.2.3",
    largeBodyBytes,
    pools: { ...DEFAULT_POOL_SETTINGS, ...pools },
    onScrapeStored: (_, outcome) => outcomes.push({ ...outcome, values: outcome.values.slice() }),
    sendHttp: async (request) => {
      requests.push(request);
      return responseOf(await answer(request));
    },
  });
  manager.start();
  return { clock, writer, manager, requests, outcomes };
}

function responseOf(answer: Awaited<Answer>): HttpResponse {
  if (answer instanceof Error) throw answer;
  const isBody = typeof answer === "string" || Buffer.isBuffer(answer);
  const headers = { "content-type": "text/plain; version=0.0.4" };
  return {
    status: 200,
    headers,
    body: Buffer.alloc(0),
    ...(isBody ? { body: Buffer.from(answer) } : answer),
  };
}

/** Answers with one body after the other, the last one for ever. */
export function inTurn(...answers: readonly Answer[]): () => Answer {
  let index = 0;
  return () => itemAt(answers, Math.min(index++, answers.length - 1));
}
