import path from "node:path";
import { messageOf } from "../shared/model/errors.js";
import type { Sample } from "../shared/model/metric.js";
import type { Clock } from "../shared/platform/clock.js";
import type { AppendFile, Files } from "../shared/platform/files.js";
import type { Logger } from "../shared/platform/logger.js";
import { encodeMember, MAX_MEMBER_TEXT_BYTES } from "../shared/codec/gzip-member.js";
import { HistoryFolder, type SegmentFacts, type StoredSegment } from "./history-folder.js";
import { HISTORY_METRICS } from "./history-metrics.js";
import type { HistorySettings } from "./history-settings.js";
import { formatHistoryLine, formatMemberHeader, type MemberHeader } from "../shared/codec/member-text.js";
import { formatSegmentName } from "../shared/codec/segment-name.js";

/** What one run of one collector yielded, with the samples that tell of the run itself. */
export interface HistorySampling {
  readonly collector: string;
  readonly wallMs: number;
  readonly samples: readonly Sample[];
}

export interface HistoryParts {
  readonly folder: string;
  readonly files: Files;
  readonly clock: Clock;
  readonly log: Logger;
  readonly settings: HistorySettings;
  readonly bootId: string;
}

/** A segment as `GET /history` shows it. Times are milliseconds, both included. */
export interface SegmentListing extends SegmentFacts {
  readonly name: string;
  readonly sizeBytes: number;
  readonly isOpen: boolean;
}

/** The segment being written. */
interface OpenSegment {
  readonly stored: StoredSegment;
  readonly file: AppendFile;
  readonly startedMonotonicMs: number;
}

/** Lines under one pair of clocks, to become one member. */
interface Batch {
  readonly header: MemberHeader;
  readonly lines: readonly string[];
}

/** Batches kept while the disk refuses: with the default flush interval, an hour. Then the oldest is dropped, counted. */
const MAX_WAITING_BATCHES = 60;
const MAX_BATCH_CHARACTERS = MAX_MEMBER_TEXT_BYTES / 16;
const SYNC_INTERVAL_MS = 60_000; // Flash budget: one fsync a minute at the most.
/** A wall clock that moved this far from the monotonic one was stepped: what is buffered is flushed first. */
const STEP_MS = 1000;
const DAY_MS = 86_400_000;

/**
 * Keeps what the collectors yield on this Pi's own disk until every master has it, or the limits are reached.
 *
 * Samplings wait in memory for a flush, which writes them as one gzip member. Where the disk refuses, they stay for the
 * next try, up to a bound; then the oldest are dropped and counted.
 */
export class History {
  private readonly stopping = new AbortController();
  private loop: Promise<void> = Promise.resolve();
  private work: Promise<void> = Promise.resolve();
  private open: OpenSegment | undefined;
  private readonly sealed: Batch[] = [];
  private lines: string[] = [];
  private bufferedCharacters = 0;
  private header: MemberHeader | undefined;
  private readonly samplingsOf = new Map<string, number>();
  private lastSyncMs = Number.NEGATIVE_INFINITY;
  private writtenBytes = 0;
  private droppedSegments = 0;
  private droppedSamples = 0;
  private writeErrors = 0;
  private readonly startedMs: number;
  private readonly durableUntilMs = new Map<string, number>();

  private constructor(
    private readonly parts: HistoryParts,
    private readonly stored: HistoryFolder,
  ) {
    this.startedMs = parts.clock.monotonicMs();
  }

  /** Never fails because of what it finds: torn and damaged segments are cut or set aside, and reported. */
  static async open(parts: HistoryParts): Promise<History> {
    const stored = new HistoryFolder(parts.files, parts.folder, parts.settings.backupFolder, parts.log);
    await stored.open();
    return new History(parts, stored);
  }

  /** @param masters whose confirmations are needed before a segment may go early; none means only the limits count */
  start(masters: readonly string[]): void {
    for (const master of masters) this.durableUntilMs.set(master, 0);
    this.loop = this.flushOnInterval();
  }

  /** Flushes and syncs what is buffered. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.loop;
    await this.inTurn(async () => {
      await this.flush();
      await this.closeSegment();
    });
  }

  receive({ collector, wallMs, samples }: HistorySampling): void {
    const clocks = this.clocks();
    if (this.header !== undefined && this.hasStepped(this.header, clocks)) this.seal();
    this.header ??= clocks;
    for (const sample of samples) this.buffer(formatHistoryLine(sample, wallMs));
    const count = (this.samplingsOf.get(collector) ?? 0) + 1;
    this.samplingsOf.set(collector, count);
    if (count >= this.parts.settings.samplingsPerFlush) void this.inTurn(() => this.flush());
  }

  /** All samples before `untilMs` are durable at this master. */
  confirm(master: string, untilMs: number): void {
    if (!this.durableUntilMs.has(master)) return;
    this.durableUntilMs.set(master, Math.max(untilMs, this.durableUntilMs.get(master) ?? 0));
    void this.inTurn(() => this.removeConfirmed());
  }

  /** For the heartbeat; undefined while nothing is kept. */
  range(): { fromMs: number; untilMs: number; sizeBytes: number } | undefined {
    const first = this.stored.list()[0] ?? this.open?.stored;
    if (first === undefined) return undefined;
    const sizeBytes = this.stored.totalBytes() + (this.open?.stored.sizeBytes ?? 0);
    return { fromMs: first.startMs, untilMs: Math.max(first.startMs, this.parts.clock.wallMs()), sizeBytes };
  }

  /** Oldest first, the open segment last, up to its last whole member. */
  async list(): Promise<SegmentListing[]> {
    const listings: SegmentListing[] = [];
    await this.inTurn(async () => {
      for (const segment of [...this.stored.list()]) {
        const facts = await this.stored.factsOf(segment);
        if (facts !== undefined) listings.push({ ...facts, name: segment.name, sizeBytes: segment.sizeBytes, isOpen: false });
      }
      const open = this.open?.stored;
      if (open === undefined) return;
      const facts = await this.stored.readFacts(open);
      if (facts !== undefined) listings.push({ ...facts, name: open.name, sizeBytes: open.sizeBytes, isOpen: true });
    });
    return listings;
  }

  /** Where the bytes of a segment are and how many are whole; undefined when there is no such segment. */
  find(name: string): StoredSegment | undefined {
    const open = this.open?.stored;
    return open?.name === name ? open : this.stored.list().find((segment) => segment.name === name);
  }

  samples(): Sample[] {
    const runningDays = Math.max(this.parts.clock.monotonicMs() - this.startedMs, 60_000) / DAY_MS;
    return [
      HISTORY_METRICS.sizeBytes.sample(this.stored.totalBytes() + (this.open?.stored.sizeBytes ?? 0)),
      HISTORY_METRICS.writtenBytes.sample(this.writtenBytes),
      HISTORY_METRICS.writtenBytesPerDay.sample(this.writtenBytes / runningDays),
      HISTORY_METRICS.droppedSegments.sample(this.droppedSegments),
      HISTORY_METRICS.droppedSamples.sample(this.droppedSamples),
      HISTORY_METRICS.damagedSegments.sample(this.stored.damagedSegments),
      HISTORY_METRICS.writeErrors.sample(this.writeErrors),
    ];
  }

  private async flushOnInterval(): Promise<void> {
    const { clock, settings } = this.parts;
    while (!this.stopping.signal.aborted) {
      await clock.sleep(settings.flushIntervalMs, this.stopping.signal).catch(() => undefined); // Ends by abort only.
      if (!this.stopping.signal.aborted) await this.inTurn(() => this.flush());
    }
  }

  /** File work runs one piece after the other; an error is counted and logged here, and the next piece runs. */
  private inTurn(piece: () => Promise<void>): Promise<void> {
    this.work = this.work.then(piece).catch((error: unknown) => {
      this.writeErrors++;
      if (this.writeErrors === 1 || this.writeErrors % 60 === 0) {
        this.parts.log.warn("Cannot write history", { error: messageOf(error), errors: this.writeErrors });
      }
    });
    return this.work;
  }

  private clocks(): MemberHeader {
    const { clock, bootId } = this.parts;
    return { bootId, monotonicMs: clock.monotonicMs(), wallMs: clock.wallMs() };
  }

  private hasStepped(before: MemberHeader, now: MemberHeader): boolean {
    return Math.abs(now.wallMs - before.wallMs - (now.monotonicMs - before.monotonicMs)) > STEP_MS;
  }

  private buffer(line: string): void {
    // A character is at most three bytes of UTF-8, so the whole batch fits one member.
    if (this.bufferedCharacters + line.length > MAX_BATCH_CHARACTERS) {
      this.droppedSamples++;
      return;
    }
    this.lines.push(line);
    this.bufferedCharacters += line.length;
  }

  /** Writes what waits, oldest first; what the disk refuses waits on. */
  private async flush(): Promise<void> {
    this.seal();
    for (let batch = this.sealed[0]; batch !== undefined; batch = this.sealed[0]) {
      await this.append(encodeMember(formatMemberHeader(batch.header) + batch.lines.join("")));
      if (this.sealed[0] === batch) this.sealed.shift(); // It may have been dropped for room meanwhile.
    }
    await this.closeWhenFull();
    await this.enforceLimits();
  }

  /** Ends the batch that is being filled: what comes next goes under clocks of its own. */
  private seal(): void {
    const { header, lines } = this;
    if (header === undefined || lines.length === 0) return;
    this.sealed.push({ header, lines });
    this.lines = [];
    this.bufferedCharacters = 0;
    this.header = undefined;
    this.samplingsOf.clear();
    if (this.sealed.length <= MAX_WAITING_BATCHES) return;
    this.droppedSamples += this.sealed.shift()?.lines.length ?? 0;
  }

  private async append(member: Buffer): Promise<void> {
    this.open ??= await this.beginSegment();
    const { file, stored } = this.open;
    try {
      await file.append(member);
    } catch (error) {
      await file.truncate(stored.sizeBytes);
      throw error;
    }
    stored.sizeBytes = file.sizeBytes;
    this.writtenBytes += member.length;
    const nowMs = this.parts.clock.monotonicMs();
    if (nowMs - this.lastSyncMs < SYNC_INTERVAL_MS) return;
    this.lastSyncMs = nowMs;
    await file.sync();
  }

  private async beginSegment(): Promise<OpenSegment> {
    const { clock, files, folder } = this.parts;
    const startMs = clock.wallMs();
    const name = formatSegmentName({ sequence: this.stored.takeSequenceNumber(), startMs });
    const file = await files.openAppend(path.join(folder, name));
    await files.syncFolder(folder);
    return { stored: { name, folder, startMs, sizeBytes: 0 }, file, startedMonotonicMs: clock.monotonicMs() };
  }

  private async closeWhenFull(): Promise<void> {
    if (this.open === undefined) return;
    const { segmentBytes, segmentMs } = this.parts.settings;
    const ageMs = this.parts.clock.monotonicMs() - this.open.startedMonotonicMs;
    if (this.open.stored.sizeBytes >= segmentBytes || ageMs >= segmentMs) await this.closeSegment();
  }

  private async closeSegment(): Promise<void> {
    if (this.open === undefined) return;
    const { stored, file } = this.open;
    this.open = undefined;
    await file.sync();
    await file.close();
    await this.stored.add(stored);
  }

  private async enforceLimits(): Promise<void> {
    const { settings, clock } = this.parts;
    const openBytes = this.open?.stored.sizeBytes ?? 0;
    for (;;) {
      const oldest = this.stored.list()[0];
      if (oldest === undefined) return;
      const next = this.stored.list()[1] ?? this.open?.stored;
      const isTooOld = next !== undefined && clock.wallMs() - next.startMs > settings.maxAgeMs;
      if (!isTooOld && this.stored.totalBytes() + openBytes <= settings.totalBytes) return;
      await this.stored.remove(oldest);
      this.droppedSegments++;
      this.parts.log.warn("History segment dropped before every master had it", {
        segment: oldest.name,
        reason: isTooOld ? "older than history.time" : "history.size reached",
      });
    }
  }

  private async removeConfirmed(): Promise<void> {
    const untilMs = Math.min(...this.durableUntilMs.values());
    for (;;) {
      const oldest = this.stored.list()[0];
      if (oldest === undefined) return;
      const facts = await this.stored.factsOf(oldest);
      if (facts === undefined) continue;
      if (facts.lastMs >= untilMs) return;
      await this.stored.remove(oldest);
    }
  }
}
