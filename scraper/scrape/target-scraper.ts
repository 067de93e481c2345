import { expositionFormatOf } from "../../exporter/shared/codec/exposition/exposition-parser.js";
import type { ExpositionFormat } from "../../exporter/shared/codec/exposition/exposition-parser-labels.js";
import { ExpositionError } from "../../exporter/shared/codec/exposition/exposition-parser-error.js";
import { messageOf, PihealthError, traceOf } from "../../exporter/shared/model/errors.js";
import type { Clock } from "../../exporter/shared/platform/clock.js";
import type { HttpAgent, SendHttp } from "../../exporter/shared/platform/http/http-client.js";
import type { Logger } from "../../exporter/shared/platform/logger.js";
import type { Target } from "../fleet/target.js";
import type { Layout, SampleWriter } from "../storage/model/sample-writer.js";
import type { BodyReader } from "./body-reader.js";
import type { LargeBodies, LargeBodyTools } from "./large-bodies.js";
import type { RowBuffer } from "./row-buffer.js";
import { REPORT_COUNT, type BodyPlan, type BodyPlanCache } from "./body-plan.js";
import type { ScrapeCounters } from "./scrape-counters.js";
import { readFailedBody, type FailedBody } from "./failed-body.js";
import { ScrapeAnswerError, ScrapeLimitError } from "./scrape-errors.js";
import {
  explainFailure,
  maxSamplesOf,
  requestBody,
  type ScrapeAnswer,
  type ScrapeHeaders,
} from "./scrape-request.js";
import type { ScrapedTarget } from "./scraped-target.js";
import type { BodyChange, ScrapeReport, WrittenRow } from "./target-rows.js";

/** The stored result of one scrape. */
export interface ScrapeOutcome {
  /** Milliseconds since the Unix epoch. */
  readonly timestampMs: number;
  /**
   * False when no body arrived or it was refused. Then only the first `REPORT_COUNT` values are
   * samples.
   */
  readonly ok: boolean;
  /** Empty when `ok`. */
  readonly error: string;
  readonly durationSeconds: number;
  /** The five reports (`up` first), then the series of the body, then those that ended with this scrape. */
  readonly layout: Layout;
  /**
   * One value per series of `layout`, with staleness markers for series that ended. Valid until the
   * callback returns.
   */
  readonly values: Float64Array;
  /**
   * `late` when the target already has samples of this or a newer time, `too_old` when nothing was
   * stored.
   */
  readonly taken: WrittenRow["taken"];
}

export interface TargetScraperParts {
  readonly clock: Clock;
  readonly sendHttp: SendHttp;
  readonly log: Logger;
  readonly headers: ScrapeHeaders;
  /** Writes to `row`. */
  readonly reader: BodyReader;
  readonly row: RowBuffer;
  readonly largeBodies: LargeBodies;
  readonly writer: Pick<SampleWriter, "holdLayouts">;
  readonly plans: BodyPlanCache;
  readonly counters: ScrapeCounters;
  readonly onScrapeStored: (target: Target, outcome: ScrapeOutcome) => void;
}

/** An error while a body was read, with the number of samples read before it. */
interface Progress {
  samplesScraped: number;
  samplesKept: number;
}

/** A scrape whose body has arrived. */
interface AnsweredScrape {
  readonly target: ScrapedTarget;
  readonly timestampMs: number;
  readonly answer: ScrapeAnswer;
  readonly progress: Progress;
  /** On the monotonic clock. */
  readonly startMs: number;
}

/**
 * Fetches, parses and stores the body of one target. It knows nothing about pools and schedules.
 */
export class TargetScraper {
  constructor(private readonly parts: TargetScraperParts) {}

  /** Never rejects. Writes nothing if the target was removed in the meantime. */
  async scrape(target: ScrapedTarget, timestampMs: number, agent: HttpAgent): Promise<void> {
    const { clock, sendHttp } = this.parts;
    const { settings } = target.target;
    const headers = this.parts.headers.of(settings);
    const startMs = clock.monotonicMs();
    const { signal } = target;
    let answer: ScrapeAnswer | undefined;
    let failure: unknown;
    try {
      answer = await requestBody({
        target: target.target,
        sendHttp,
        agent,
        signal,
        headers,
        clock,
      });
    } catch (error) {
      failure = explainFailure(error, settings);
    }
    if (signal.aborted) return;
    const progress = { samplesScraped: 0, samplesKept: 0 };
    if (answer !== undefined) {
      const isLarge = answer.body.length >= this.parts.largeBodies.fromBytes;
      try {
        const scrape = { target, timestampMs, answer, progress, startMs };
        if (isLarge) await this.storeLarge(scrape);
        else this.store(scrape);
        return;
      } catch (error) {
        failure = error;
        if (!isLarge) {
          const { counts, metadata } = readRefused(target, answer);
          Object.assign(progress, counts);
          target.failedMetadata = metadata;
        }
      } finally {
        this.parts.reader.close();
        answer.release();
      }
    }
    if (signal.aborted) return;
    const durationSeconds = this.secondsSince(startMs);
    this.storeFailure(target, timestampMs, failure, { up: 0, durationSeconds, ...progress });
  }

  private store(scrape: AnsweredScrape): void {
    const { target, answer, progress } = scrape;
    const { reader, plans } = this.parts;
    const { rows, context } = target;
    const format = formatOf(target, answer);
    let plan: BodyPlan;
    try {
      const chunks = reader.read(answer.body, format, rows.chunks, REPORT_COUNT);
      plan = rows.planFor(chunks, context) ?? plans.planOf(chunks, context);
    } catch (error) {
      throw explainContentType(error, answer.contentType);
    } finally {
      progress.samplesScraped = reader.sampleCount;
    }
    this.write(scrape, plan, reader, this.secondsSince(scrape.startMs));
  }

  /** As `store`, in slices. */
  private async storeLarge(scrape: AnsweredScrape): Promise<void> {
    const { largeBodies, writer } = this.parts;
    await largeBodies.run(async (tools) => {
      const { signal } = scrape.target;
      if (signal.aborted) return;
      const release = writer.holdLayouts();
      try {
        const plan = await this.planLarge(scrape, tools);
        const durationSeconds = this.secondsSince(scrape.startMs);
        const change = await scrape.target.rows.changeInSlices(plan, tools.slices);
        if (signal.aborted) return;
        const { reader, row } = tools;
        this.parts.row.takeFrom(row, REPORT_COUNT + reader.sampleCount);
        this.write(scrape, plan, reader, durationSeconds, change);
      } finally {
        release();
      }
    });
  }

  private async planLarge(
    { target, answer, progress }: AnsweredScrape,
    { reader, slices }: LargeBodyTools,
  ): Promise<BodyPlan> {
    const { rows, context } = target;
    const format = formatOf(target, answer);
    try {
      const chunks = await reader.readInSlices(answer.body, format, rows.chunks, {
        at: REPORT_COUNT,
        maxSamples: maxSamplesOf(context.settings),
        slices,
      });
      progress.samplesScraped = reader.sampleCount;
      return (
        rows.planFor(chunks, context) ??
        (await this.parts.plans.planInSlices(chunks, context, slices))
      );
    } catch (error) {
      progress.samplesScraped = reader.sampleCount;
      throw explainContentType(explainFailure(error, context.settings), answer.contentType);
    }
  }

  private write(
    { target, timestampMs, progress }: AnsweredScrape,
    plan: BodyPlan,
    { timestamps, sampleCount }: BodyReader,
    durationSeconds: number,
    change?: BodyChange,
  ): void {
    const { counters } = this.parts;
    progress.samplesKept = plan.keptCount;
    target.failedMetadata = NO_METADATA;
    const isChanged = plan.chunks !== target.rows.chunks;
    const report = { up: 1, durationSeconds, ...progress } as const;
    const row = target.rows.writeBody(timestampMs, plan, timestamps, report, change);
    counters.samples += sampleCount;
    counters.duplicateSamples += plan.duplicateCount;
    counters.timestampedLeftOut += row.timestampedLeftOut;
    if (isChanged) counters.layoutChanges++;
    this.finish(target, timestampMs, row, durationSeconds, "");
  }

  private storeFailure(
    target: ScrapedTarget,
    timestampMs: number,
    failure: unknown,
    report: ScrapeReport,
  ): void {
    const { counters } = this.parts;
    if (failure instanceof ScrapeLimitError) counters.countLimit(failure.limit);
    // A bug that this body triggers must cost only this target its scrape.
    if (!(failure instanceof PihealthError)) this.reportBug(target, failure);
    const row = target.rows.writeFailure(timestampMs, report);
    this.finish(target, timestampMs, row, report.durationSeconds, messageOf(failure));
  }

  private finish(
    target: ScrapedTarget,
    timestampMs: number,
    row: WrittenRow,
    durationSeconds: number,
    error: string,
  ): void {
    const ok = error === "";
    const { lastError } = target.health;
    const { log, onScrapeStored } = this.parts;
    this.countTaken(row);
    if (!ok && lastError === "") log.warn("Scrape failed", { target: target.target.url, error });
    if (ok && lastError !== "") log.info("Scrape succeeds again", { target: target.target.url });
    target.consecutiveFailures = ok ? 0 : target.consecutiveFailures + 1;
    target.health = {
      health: ok ? "up" : "down",
      lastError: error,
      lastScrapeMs: timestampMs,
      lastScrapeDurationSeconds: durationSeconds,
    };
    try {
      const { layout, values, taken } = row;
      onScrapeStored(target.target, {
        timestampMs,
        ok,
        error,
        durationSeconds,
        layout,
        values,
        taken,
      });
    } catch (problem) {
      this.reportBug(target, problem); // The row is stored; a failing callback must not undo that.
    }
  }

  private countTaken({ taken, values }: WrittenRow): void {
    const { counters } = this.parts;
    if (taken === "late") counters.outOfOrderSamples += values.length;
    else if (taken === "too_old") counters.outOfBoundsSamples += values.length;
  }

  private secondsSince(startMs: number): number {
    return (this.parts.clock.monotonicMs() - startMs) / 1000;
  }

  private reportBug({ target }: ScrapedTarget, error: unknown): void {
    this.parts.counters.internalErrors++;
    const detail = traceOf(error);
    this.parts.log.error("Unexpected error in a scrape", { target: target.url, error: detail });
  }
}

function formatOf({ target }: ScrapedTarget, { contentType }: ScrapeAnswer): ExpositionFormat {
  return expositionFormatOf(contentType, target.settings.fallbackFormat);
}

const NO_METADATA: readonly [] = [];

/** The readable part of a refused body; empty when even its format cannot be read. */
function readRefused(target: ScrapedTarget, answer: ScrapeAnswer): FailedBody {
  try {
    return readFailedBody(answer.body, formatOf(target, answer), target.context);
  } catch (error) {
    if (error instanceof PihealthError)
      return { counts: { samplesScraped: 0, samplesKept: 0 }, metadata: [] };
    throw error;
  }
}

const METRICS_TYPES = /^\s*(text\/plain|application\/openmetrics-text)\s*(;|$)/i;

/** For a web page, the content type explains the error better than the first character does. */
function explainContentType(error: unknown, contentType: string | undefined): unknown {
  if (
    !(error instanceof ExpositionError) ||
    contentType === undefined ||
    METRICS_TYPES.test(contentType)
  )
    return error;
  const shown = contentType.slice(0, 100);
  return new ScrapeAnswerError(
    `${error.message}; content type is "${shown}", it must be one of metrics`,
    { cause: error },
  );
}
