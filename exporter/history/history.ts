import type { MemberHeader } from "../shared/codec/history/member-text.js";
import { messageOf } from "../shared/model/errors.js";
import type { MetricsSource, Sample } from "../shared/model/metric.js";
import type { Clock } from "../shared/platform/clock.js";
import type { Files } from "../shared/platform/files.js";
import type { Logger } from "../shared/platform/logger.js";
import { MAX_HISTORY_SEGMENTS, type HistorySegment } from "../shared/protocol/history.js";
import { CLOCK_STEP_METRICS, ClockSteps } from "./clock-steps.js";
import { HistoryFolder } from "./history-folder.js";
import { HISTORY_METRICS } from "./history-metrics.js";
import type { HistorySettings } from "./history-settings.js";
import { SampleBuffer, type HistorySampling } from "./sample-buffer.js";
import { certainAgeMs, type SegmentFacts, type StoredSegment } from "./segment-facts.js";
import { SegmentWriter } from "./segment-writer.js";

export interface HistoryParts {
  readonly folder: string;
  readonly files: Files;
  readonly clock: Clock;
  /** Milliseconds since boot: the clock of the heartbeats, which survives this process. */
  readonly bootMs: () => number;
  readonly bootId: string;
  readonly log: Logger;
  readonly settings: HistorySettings;
}

type DropReason = "size" | "time" | "count";

const SYNC_INTERVAL_MS = 60_000; // Limits the wear of flash memory: at most one fsync a minute.
const DAY_MS = 86_400_000;
/** Before this, the mean rate of writing has no meaning. */
const RATE_AFTER_MS = 60_000;

/** All clocks at one time. It is cached, because the time since boot is read from a file. */
interface ClockAnchor {
  readonly wallMs: number;
  readonly monotonicMs: number;
  readonly bootMs: number;
}

const ANCHOR_MS = 60_000;
/**
 * If the clocks differ by more, the machine slept or its clock was stepped, and the cache is
 * renewed.
 */
const ANCHOR_STEP_MS = 500;

function isNear(anchor: ClockAnchor, now: Omit<ClockAnchor, "bootMs">): boolean {
  const passedMs = now.monotonicMs - anchor.monotonicMs;
  const stepMs = Math.abs(now.wallMs - anchor.wallMs - passedMs);
  return passedMs < ANCHOR_MS && stepMs < ANCHOR_STEP_MS;
}

/**
 * Keeps samples on this machine's disk until every master has them, or a limit is reached.
 *
 * The sampling loop calls `add`; samplings are buffered in memory for a flush, which writes them as
 * one gzip member. One loop flushes. If the disk refuses, samplings stay buffered for the next try,
 * up to a bound; then the oldest are dropped and counted.
 */
export class History implements MetricsSource {
  readonly metrics = [...Object.values(HISTORY_METRICS), ...Object.values(CLOCK_STEP_METRICS)];
  private readonly stopping = new AbortController();
  private loop: Promise<void> = Promise.resolve();
  private work: Promise<void> = Promise.resolve();
  private writer: SegmentWriter | undefined;
  private readonly buffer: SampleBuffer;
  private isFlushAsked = false;
  private lastFlushMs: number;
  private lastSyncMs = Number.NEGATIVE_INFINITY;
  private writtenBytes = 0;
  private readonly droppedSegments: Record<DropReason, number> = { size: 0, time: 0, count: 0 };
  private writeErrors = 0;
  private isFailing = false;
  private readonly startedMs: number;
  private anchor: ClockAnchor | undefined;
  private readonly clockSteps = new ClockSteps();
  private readonly durableUntilMs = new Map<string, number>();

  private constructor(
    private readonly parts: HistoryParts,
    private readonly stored: HistoryFolder,
  ) {
    this.startedMs = parts.clock.monotonicMs();
    this.lastFlushMs = this.startedMs;
    this.buffer = new SampleBuffer(() => this.clocks());
  }

  /** Never fails, whatever it finds, and even if the disk refuses. */
  static async open(parts: HistoryParts): Promise<History> {
    const { files, folder, settings, log } = parts;
    const stored = new HistoryFolder(files, folder, settings.backupFolder, log);
    await stored.open();
    return new History(parts, stored);
  }

  /**
   * @param masters whose confirmations allow a segment to be deleted early; with none, only the
   * limits delete segments
   */
  start(masters: readonly string[]): void {
    for (const master of masters) this.durableUntilMs.set(master, 0);
    this.loop = this.flushOnInterval();
  }

  /** Flushes and syncs buffered samplings. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.loop;
    await this.inTurn(() => this.flush());
    await this.inTurn(() => this.closeWriter());
  }

  receive(sampling: HistorySampling): void {
    const stepMs = this.clockSteps.look(this.clocks());
    if (stepMs !== undefined) this.parts.log.info("Clock was set", { seconds: stepMs / 1000 });
    this.buffer.add(sampling, this.parts.clock.monotonicMs());
    if (this.isFlushAsked || this.buffer.samplings < this.parts.settings.samplingsPerFlush) return;
    this.isFlushAsked = true;
    void this.inTurn(() => this.flush());
  }

  /** All samples before `untilMs` are durable on this master. */
  confirm(master: string, untilMs: number): void {
    const knownMs = this.durableUntilMs.get(master);
    if (knownMs === undefined || untilMs <= knownMs) return;
    this.durableUntilMs.set(master, untilMs);
    void this.inTurn(() => this.removeConfirmed());
  }

  /** For the heartbeat; undefined while there is no history. */
  range(): { fromMs: number; untilMs: number; sizeBytes: number } | undefined {
    const first = this.stored.list()[0] ?? this.writer?.stored;
    if (first === undefined) return undefined;
    const wallMs = Math.floor(this.parts.clock.wallMs());
    const untilMs = Math.max(first.startMs, wallMs);
    return { fromMs: first.startMs, untilMs, sizeBytes: this.totalBytes() };
  }

  /** Oldest first. The open segment is last, up to its last whole member. */
  async list(): Promise<HistorySegment[]> {
    const listed: HistorySegment[] = [];
    for (const segment of [...this.stored.list()]) {
      // One turn per segment, so a flush does not wait for all of them.
      await this.inTurn(async () => {
        const facts = await this.stored.factsOf(segment);
        if (facts !== undefined) listed.push(describe(segment, facts, false));
      });
    }
    await this.inTurn(async () => {
      if (this.writer?.facts !== undefined)
        listed.push(describe(this.writer.stored, this.writer.facts, true));
    });
    return listed;
  }

  /**
   * The file of a segment and the number of valid bytes; undefined when there is no such segment or
   * it is not valid.
   */
  async find(
    name: string,
  ): Promise<(StoredSegment & { sha256: string; open: boolean }) | undefined> {
    if (this.writer?.stored.name === name && this.writer.facts !== undefined) {
      return { ...this.writer.stored, sha256: this.writer.facts.sha256, open: true };
    }
    const segment = this.stored.list().find((candidate) => candidate.name === name);
    if (segment === undefined) return undefined;
    let facts: SegmentFacts | undefined;
    await this.inTurn(async () => {
      facts = await this.stored.factsOf(segment);
    });
    return facts === undefined ? undefined : { ...segment, sha256: facts.sha256, open: false };
  }

  readMetrics(): Sample[] {
    const runningMs = this.parts.clock.monotonicMs() - this.startedMs;
    const perDay = runningMs < RATE_AFTER_MS ? 0 : this.writtenBytes / (runningMs / DAY_MS);
    const { droppedSegments } = this;
    return [
      HISTORY_METRICS.sizeBytes.sample(this.totalBytes()),
      HISTORY_METRICS.segments.sample(this.segmentCount()),
      HISTORY_METRICS.writtenBytes.sample(this.writtenBytes),
      HISTORY_METRICS.writtenBytesPerDay.sample(Math.round(perDay)),
      ...(["size", "time", "count"] as const).map((limit) =>
        HISTORY_METRICS.droppedSegments.sample(droppedSegments[limit], { limit }),
      ),
      HISTORY_METRICS.droppedSamples.sample(this.buffer.droppedSamples),
      HISTORY_METRICS.damagedSegments.sample(this.stored.damagedSegments),
      HISTORY_METRICS.writeErrors.sample(this.writeErrors),
      ...this.clockSteps.readMetrics(),
    ];
  }

  private totalBytes(): number {
    return this.stored.totalBytes() + (this.writer?.stored.sizeBytes ?? 0);
  }

  private segmentCount(): number {
    return this.stored.list().length + (this.writer === undefined ? 0 : 1);
  }

  private clocks(): MemberHeader {
    const { clock, bootMs, bootId } = this.parts;
    const now = { wallMs: clock.wallMs(), monotonicMs: clock.monotonicMs() };
    if (this.anchor === undefined || !isNear(this.anchor, now))
      this.anchor = { ...now, bootMs: bootMs() };
    const { anchor } = this;
    const monotonicMs = anchor.bootMs + now.monotonicMs - anchor.monotonicMs;
    return { bootId, monotonicMs, wallMs: now.wallMs };
  }

  private async flushOnInterval(): Promise<void> {
    const { clock, settings } = this.parts;
    const { signal } = this.stopping;
    while (!signal.aborted) {
      const dueMs = this.lastFlushMs + settings.flushIntervalMs;
      const restMs = dueMs - clock.monotonicMs();
      if (restMs <= 0) await this.inTurn(() => this.flush());
      else await clock.sleep(restMs, signal).catch(() => undefined); // Rejects only when aborted.
    }
  }

  /**
   * File operations run one after the other. An error is counted and logged, and the next operation
   * runs.
   */
  private inTurn(piece: () => Promise<void>): Promise<void> {
    this.work = this.work.then(piece).catch((error: unknown) => {
      this.writeErrors++;
      if (!this.isFailing)
        this.parts.log.warn("Cannot write history: samples are buffered in memory", {
          error: messageOf(error),
        });
      this.isFailing = true;
    });
    return this.work;
  }

  /** Writes buffered samplings, oldest first. If the disk refuses, they stay buffered. */
  private async flush(): Promise<void> {
    this.isFlushAsked = false;
    this.lastFlushMs = this.parts.clock.monotonicMs();
    this.buffer.seal();
    for (let batch = this.buffer.first(); batch !== undefined; batch = this.buffer.first()) {
      this.writer ??= await this.beginSegment();
      try {
        this.writtenBytes += await this.writer.append(batch);
      } catch (error) {
        await this.abandonIfBroken();
        throw error;
      }
      this.buffer.remove(batch);
    }
    if (this.isFailing) this.parts.log.info("History written again");
    this.isFailing = false;
    await this.syncWhenDue();
    await this.enforceLimits();
  }

  private async beginSegment(): Promise<SegmentWriter> {
    const { clock, files, folder } = this.parts;
    return SegmentWriter.begin({
      files,
      folder,
      sequence: this.stored.takeSequenceNumber(),
      startMs: Math.max(0, Math.floor(clock.wallMs())),
      startedMonotonicMs: clock.monotonicMs(),
    });
  }

  /** A segment is closed together with a sync, so closing costs no additional one. */
  private async syncWhenDue(): Promise<void> {
    const { clock, settings } = this.parts;
    const nowMs = clock.monotonicMs();
    const { writer } = this;
    if (writer === undefined || nowMs - this.lastSyncMs < SYNC_INTERVAL_MS) return;
    this.lastSyncMs = nowMs;
    const ageMs = nowMs - writer.startedMonotonicMs;
    if (writer.stored.sizeBytes >= settings.segmentBytes || ageMs >= settings.segmentMs) {
      await this.closeWriter();
      return;
    }
    try {
      await writer.sync();
    } catch (error) {
      await this.abandonIfBroken();
      throw error;
    }
  }

  /** The segment stays as it is on disk, and new samplings go to a new one. */
  private async closeWriter(): Promise<void> {
    const { writer } = this;
    if (writer === undefined) return;
    this.writer = undefined;
    try {
      await writer.close();
    } finally {
      if (writer.facts !== undefined) await this.stored.add(writer.stored, writer.facts);
    }
  }

  /** Abandons a file that was removed, or that cannot be cut back. */
  private async abandonIfBroken(): Promise<void> {
    const { writer } = this;
    if (writer === undefined || (await writer.isUsable())) return;
    await this.closeWriter().catch(() => undefined); // The caller reports the original error.
  }

  private async enforceLimits(): Promise<void> {
    for (;;) {
      const limit = await this.limitReached();
      const [oldest] = this.stored.list();
      if (oldest === undefined || limit === undefined) return;
      await this.stored.remove(oldest);
      this.droppedSegments[limit]++;
      if (this.durableUntilMs.size === 0) continue; // No master uses the history.
      this.parts.log.warn("History segment dropped before every master had it", {
        segment: oldest.name,
        limit: `history.${limit}`,
      });
    }
  }

  private async limitReached(): Promise<DropReason | undefined> {
    const { settings, clock } = this.parts;
    if (this.totalBytes() > settings.totalBytes) return "size";
    if (this.segmentCount() > MAX_HISTORY_SEGMENTS) return "count";
    const next = this.stored.list()[1] ?? this.writer?.stored;
    if (next === undefined || clock.wallMs() - next.startMs <= settings.maxAgeMs) return undefined;
    return (await this.certainAgeMs()) > settings.maxAgeMs ? "time" : undefined;
  }

  /**
   * The time for which the machine has certainly run since the last sample of the oldest segment.
   * Wall clocks are not used: a Pi that starts with a wrong clock writes names and times that look
   * arbitrarily old.
   */
  private async certainAgeMs(): Promise<number> {
    const known: SegmentFacts[] = [];
    for (const segment of [...this.stored.list()]) {
      const facts = await this.stored.factsOf(segment);
      if (facts !== undefined) known.push(facts);
    }
    return certainAgeMs(known, this.clocks());
  }

  private async removeConfirmed(): Promise<void> {
    const untilMs = Math.min(...this.durableUntilMs.values());
    for (;;) {
      const [oldest] = this.stored.list();
      // The last segment is kept, so its successor gets a higher number, also after a restart.
      if (oldest === undefined || this.segmentCount() < 2) return;
      const facts = await this.stored.factsOf(oldest);
      if (facts === undefined) continue;
      if (this.lastSampleMs(facts) >= untilMs) return;
      await this.stored.remove(oldest);
    }
  }

  /**
   * Upper bound for the time of the last sample, by the current clock. An earlier boot may have had
   * any clock, even one that continued from the end of the boot before. It is only certain that it
   * ended before this boot began.
   */
  private lastSampleMs({ bootId, lastMs, lastBootMs }: SegmentFacts): number {
    const now = this.clocks();
    const passedMs = bootId === now.bootId ? now.monotonicMs - lastBootMs : now.monotonicMs;
    return Math.max(lastMs, now.wallMs - passedMs);
  }
}

function describe(segment: StoredSegment, facts: SegmentFacts, open: boolean): HistorySegment {
  const { fromMs, lastMs, sha256, bootId } = facts;
  return { name: segment.name, fromMs, lastMs, bytes: segment.sizeBytes, sha256, open, bootId };
}
