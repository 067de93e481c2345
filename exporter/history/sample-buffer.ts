import { formatHistoryLine, type MemberHeader } from "../shared/codec/history/member-text.js";
import { MAX_MEMBER_TEXT_BYTES } from "../shared/codec/history/gzip-member.js";
import type { Sample } from "../shared/model/metric.js";

/** The samples of one collector run, including the samples about the run itself. */
export interface HistorySampling {
  readonly collector: string;
  /** End of the run, by both clocks. */
  readonly wallMs: number;
  readonly monotonicMs: number;
  readonly samples: readonly Sample[];
}

/** Lines with one pair of clocks, which become one member. */
export interface Batch {
  readonly header: MemberHeader;
  readonly lines: readonly string[];
  readonly fromMs: number;
  readonly lastMs: number;
}

/** Batches kept while the disk refuses: most of an hour with the default flush interval. */
const MAX_WAITING_BATCHES = 60;
const MAX_WAITING_CHARACTERS = 16 * 1024 * 1024;
/** A character is at most three bytes of UTF-8, so a whole batch fits one member. */
const MAX_BATCH_CHARACTERS = MAX_MEMBER_TEXT_BYTES / 16;
/**
 * When the clocks have moved apart by this much, the wall clock was stepped, and the buffered
 * samples become a separate member.
 */
const STEP_MS = 1000;

/** Samples that wait for the disk, in bounded memory. */
export class SampleBuffer {
  /** Samples dropped because the buffer was full. */
  droppedSamples = 0;
  private waiting: Batch[] = [];
  private waitingCharacters = 0;
  private filling = new FillingBatch();

  constructor(private readonly clocks: () => MemberHeader) {}

  /** @param monotonicMs current time of the clock of `sampling.monotonicMs` */
  add(sampling: HistorySampling, monotonicMs: number): void {
    const now = this.clocks();
    if (this.filling.header !== undefined && hasStepped(this.filling.header, now)) this.seal();
    // If a clock stepped while the collector ran, its end is computed from the current clock.
    const endedMs = now.wallMs - (monotonicMs - sampling.monotonicMs);
    const isOtherClock = Math.abs(endedMs - sampling.wallMs) > STEP_MS;
    const timestampMs = Math.max(0, Math.floor(isOtherClock ? endedMs : sampling.wallMs));
    this.droppedSamples += this.filling.add(sampling, timestampMs, now);
  }

  /** Largest number of samplings of one collector in the current batch. */
  get samplings(): number {
    return this.filling.samplings;
  }

  /** Ends the current batch, so the next samples get their own clocks. */
  seal(): void {
    const batch = this.filling.take();
    if (batch === undefined) return;
    this.filling = new FillingBatch();
    this.waiting.push(batch);
    this.waitingCharacters += charactersOf(batch);
    while (this.isTooLarge()) {
      const dropped = this.removeFirst();
      this.droppedSamples += dropped?.lines.length ?? 0;
    }
  }

  first(): Batch | undefined {
    return this.waiting[0];
  }

  /** Removes a batch that was written, unless it has been dropped in the meantime. */
  remove(batch: Batch): void {
    if (this.waiting[0] === batch) this.removeFirst();
  }

  private isTooLarge(): boolean {
    const { waiting, waitingCharacters } = this;
    if (waiting.length <= 1) return false;
    return waiting.length > MAX_WAITING_BATCHES || waitingCharacters > MAX_WAITING_CHARACTERS;
  }

  private removeFirst(): Batch | undefined {
    const batch = this.waiting.shift();
    if (batch !== undefined) this.waitingCharacters -= charactersOf(batch);
    return batch;
  }
}

class FillingBatch {
  header: MemberHeader | undefined;
  samplings = 0;
  private readonly samplingsOf = new Map<string, number>();
  private readonly lines: string[] = [];
  private characters = 0;
  private fromMs = Number.POSITIVE_INFINITY;
  private lastMs = Number.NEGATIVE_INFINITY;

  /** @returns the number of samples dropped because the buffer was full */
  add({ collector, samples }: HistorySampling, timestampMs: number, clocks: MemberHeader): number {
    this.header ??= clocks;
    const count = (this.samplingsOf.get(collector) ?? 0) + 1;
    this.samplingsOf.set(collector, count);
    this.samplings = Math.max(this.samplings, count);
    let dropped = 0;
    for (const sample of samples) {
      const line = formatHistoryLine(sample, timestampMs);
      if (this.characters + line.length > MAX_BATCH_CHARACTERS) {
        dropped++;
        continue;
      }
      this.lines.push(line);
      this.characters += line.length;
    }
    this.fromMs = Math.min(this.fromMs, timestampMs);
    this.lastMs = Math.max(this.lastMs, timestampMs);
    return dropped;
  }

  take(): Batch | undefined {
    const { header, lines, fromMs, lastMs } = this;
    return header === undefined || lines.length === 0
      ? undefined
      : { header, lines, fromMs, lastMs };
  }
}

function hasStepped(before: MemberHeader, now: MemberHeader): boolean {
  const wallMs = now.wallMs - before.wallMs;
  return Math.abs(wallMs - (now.monotonicMs - before.monotonicMs)) > STEP_MS;
}

const charactersOf = ({ lines }: Batch): number =>
  lines.reduce((sum, { length }) => sum + length, 0);
