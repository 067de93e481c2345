import type { MetricsSource, Sample } from "../../../exporter/shared/model/metric.js";
import { messageOf } from "../../../exporter/shared/model/errors.js";
import type { TimeRange } from "../../../exporter/shared/model/time-range.js";
import type { Files } from "../../../exporter/shared/platform/files.js";
import type { Logger } from "../../../exporter/shared/platform/logger.js";
import { WakeableSleep } from "../../../exporter/shared/platform/wakeable-sleep.js";
import type { OutageSummary } from "../../alerting/alerts/past-alert.js";
import type { AlertHistory } from "../evaluation/alert-history.js";
import {
  type FilledRange,
  joinRanges,
  type TargetGap,
  targetOf,
  TargetTimes,
} from "./filled-ranges.js";
import type { ReplayCounts } from "./group-replay.js";
import { RecoveryFile, type GatheredRanges, type RecoveryState } from "./recovery-file.js";
import { RECOVERY_METRICS, recoverySamples } from "./recovery-metrics.js";
import { RecoveryRun } from "./recovery-run.js";
import type { RuleEngine } from "../evaluation/rule-engine.js";
import { RuleReplay, type RuleReplayOptions } from "./rule-replay.js";

const LOOK_EVERY_MS = 1000;
/** Delay after an error, such as a disk that refuses. */
const RETRY_MS = 10_000;
/** Ranges are rounded to whole minutes. Hosts differ by less, so the file is written less often. */
const ROUNDED_MS = 60_000;
/** New targets beyond this number are treated like known ones. */
const MAX_NEW_TARGETS = 10_000;

export interface RecoverySettings {
  /** Time without filled ranges after which rules are evaluated. */
  readonly waitMs: number;
  /** Longest wait, counted from the first range. */
  readonly maxWaitMs: number;
  /** Older ranges are not evaluated. */
  readonly maxAgeMs: number;
}

export interface RecoveryParts extends Omit<RuleReplayOptions, "counts" | "isTargetSilentAt"> {
  readonly files: Files;
  readonly filePath: string;
  readonly log: Logger;
  readonly engine: RuleEngine;
  readonly history: AlertHistory;
  readonly externalUrl: string;
  readonly settings: () => RecoverySettings;
  readonly gaps: () => readonly TargetGap[];
  /** Notifies receivers, once per id. */
  readonly sendSummary: (summary: OutageSummary) => Promise<void>;
}

/**
 * Evaluates rules after an outage: collects filled ranges, evaluates the rules over them at the
 * time of the samples, and notifies receivers of the result once. All progress but the last minute
 * survives a crash.
 *
 * Backfill calls `noteFilled`; one loop waits and runs the recovery.
 */
export class Recovery implements MetricsSource {
  readonly metrics = Object.values(RECOVERY_METRICS);
  private gathered: GatheredRanges | undefined;
  private current: RecoveryState | undefined;
  private firstFillMs = 0;
  private lastFillMs = 0;
  private notifiedAlerts = 0;
  private failures = 0;
  private readonly counts: ReplayCounts = { evaluations: 0, failures: 0 };
  private readonly file: RecoveryFile;
  private readonly stopping = new AbortController();
  private readonly sleep: WakeableSleep;
  private loop: Promise<void> = Promise.resolve();
  private writing: Promise<void> = Promise.resolve();

  constructor(private readonly parts: RecoveryParts) {
    const { clock, files, filePath, log } = parts;
    this.file = new RecoveryFile(files, filePath, log);
    this.sleep = new WakeableSleep(clock, this.stopping.signal);
  }

  /** Reads the progress of an earlier run. Must run before the first range is filled. */
  async open(): Promise<void> {
    const { gathered, current } = await this.file.read();
    this.current = current;
    this.gathered = gathered;
    this.firstFillMs = this.lastFillMs = this.parts.clock.monotonicMs();
  }

  start(): void {
    this.loop = this.run();
  }

  async stop(): Promise<void> {
    this.stopping.abort(new Error("Recovery stopped"));
    await this.loop;
    await this.writing;
  }

  /**
   * Resolves when it is on disk that these ranges have to be evaluated, or the disk has refused.
   */
  async noteFilled(ranges: readonly FilledRange[]): Promise<void> {
    const nowMs = this.parts.clock.monotonicMs();
    if (this.gathered === undefined) this.firstFillMs = nowMs;
    this.lastFillMs = nowMs;
    const before = this.gathered;
    this.gathered = gather(before, ranges);
    if (before !== undefined && isSame(before, this.gathered)) return;
    this.sleep.wake();
    await this.save();
  }

  readMetrics(): Sample[] {
    const untilMs = this.current?.ranges.at(-1)?.untilMs ?? 0;
    const fromMs = this.current?.cursorMs ?? this.current?.ranges[0]?.fromMs ?? 0;
    return recoverySamples({
      ...this.counts,
      errors: this.failures,
      notifiedAlerts: this.notifiedAlerts,
      historyEntries: this.parts.history.size,
      isActive: this.current !== undefined,
      leftMs: Math.max(0, untilMs - fromMs),
    });
  }

  private async run(): Promise<void> {
    const { clock, log } = this.parts;
    while (!this.stopping.signal.aborted) {
      try {
        await this.work();
        await this.sleep.sleepUntil(
          this.gathered === undefined ? undefined : clock.monotonicMs() + LOOK_EVERY_MS,
        );
      } catch (error) {
        if (this.stopping.signal.aborted) return;
        this.failures++;
        log.error("Cannot evaluate rules over filled ranges: will be tried again", {
          error: messageOf(error),
        });
        await this.sleep.sleep(RETRY_MS);
      }
    }
  }

  private async work(): Promise<void> {
    if (this.current === undefined && this.isDue()) await this.begin();
    if (this.current === undefined) return;
    if (!this.current.isEvaluated) this.current = await this.evaluate(this.current);
    await this.finish(this.current);
    this.current = undefined;
    await this.saveOrThrow();
  }

  private isDue(): boolean {
    if (this.gathered === undefined) return false;
    const { clock, gaps, settings } = this.parts;
    const { waitMs, maxWaitMs } = settings();
    const nowMs = clock.monotonicMs();
    if (nowMs >= this.firstFillMs + maxWaitMs) return true;
    return nowMs >= this.lastFillMs + waitMs && !gaps().some(({ state }) => state === "filling");
  }

  private async begin(): Promise<void> {
    const { clock, log, settings } = this.parts;
    const { gathered } = this;
    if (gathered === undefined) return;
    const nowMs = clock.wallMs();
    const oldestMs = nowMs - settings().maxAgeMs;
    const ranges = gathered.ranges
      .map(({ fromMs, untilMs }) => ({
        fromMs: Math.max(fromMs, oldestMs),
        untilMs: Math.min(untilMs, nowMs),
      }))
      .filter(({ fromMs, untilMs }) => untilMs > fromMs);
    this.current = {
      ...gathered,
      ranges,
      id: String(Math.round(nowMs)),
      cursorMs: undefined,
      rangeIndex: 0,
      rules: [],
      found: [],
      omitted: 0,
      isEvaluated: false,
    };
    this.gathered = undefined;
    await this.save();
    log.info("Evaluation of rules over filled ranges started", { ranges: ranges.length });
  }

  private async evaluate(state: RecoveryState): Promise<RecoveryState> {
    const { parts, counts } = this;
    const { engine, history } = parts;
    const targets = new TargetTimes(parts.gaps());
    const replay = new RuleReplay(engine.ruleGroups, {
      ...parts,
      counts,
      isTargetSilentAt: (labels, timeMs) => targets.isSilentAt(labels, timeMs),
    });
    const run = new RecoveryRun(state, {
      ...parts,
      replay,
      engine,
      found: {
        history,
        targets,
        newTargets: state.newTargets,
        hasKnownTargets: state.outage !== undefined,
      },
      save: async (saved) => {
        this.current = saved;
        await this.saveOrThrow();
      },
    });
    return run.run(this.stopping.signal);
  }

  /**
   * Corrects live alerts, completes the history and notifies receivers. It can be repeated after a
   * crash without effect.
   */
  private async finish({
    id,
    found,
    outage,
    omitted,
    causes,
    rules,
    ranges,
  }: RecoveryState): Promise<void> {
    const { engine, history, log } = this.parts;
    const untilMs = ranges.at(-1)?.untilMs ?? 0;
    for (const { group, rule, alerts } of rules) {
      engine.correctAlerts(
        group,
        rule,
        alerts.filter(({ activeAtMs }) => activeAtMs < untilMs),
      );
    }
    await engine.saveStates();
    await history.addFilled(found, id);
    const alerts = found.filter(({ isNotified }) => isNotified);
    if (alerts.length > 0 && outage !== undefined) {
      await this.parts.sendSummary({ id, ...outage, away: awayOf(causes), alerts, omitted });
      this.notifiedAlerts += alerts.length;
    }
    log.info("Rules evaluated over filled ranges", {
      alerts: found.length,
      notified: alerts.length,
    });
  }

  private async save(): Promise<void> {
    await this.saveOrThrow().catch((error: unknown) => {
      this.failures++;
      this.parts.log.warn("Cannot save the filled ranges", { error: messageOf(error) });
    });
  }

  /** Writes run one after the other, each with the state at its start. */
  private async saveOrThrow(): Promise<void> {
    const write = this.writing.then(() =>
      this.file.write({ gathered: this.gathered, current: this.current }),
    );
    this.writing = write.catch(() => undefined); // The caller gets the error.
    await write;
  }
}

function gather(
  before: GatheredRanges | undefined,
  ranges: readonly FilledRange[],
): GatheredRanges {
  const rounded = ranges.map(({ fromMs, untilMs }) => ({
    fromMs: Math.floor(fromMs / ROUNDED_MS) * ROUNDED_MS,
    untilMs,
  }));
  const known = ranges.filter(({ isFirstSight }) => !isFirstSight);
  const newTargets = new Map(before?.newTargets);
  for (const { labels, untilMs } of ranges.filter(({ isFirstSight }) => isFirstSight)) {
    const target = targetOf(labels);
    if (newTargets.size >= MAX_NEW_TARGETS && !newTargets.has(target)) continue;
    newTargets.set(target, Math.max(untilMs, newTargets.get(target) ?? untilMs));
  }
  return {
    ranges: joinRanges([...(before?.ranges ?? []), ...rounded]),
    causes: [...new Set([...(before?.causes ?? []), ...known.map(({ cause }) => cause)])].sort(),
    outage: hullOf([...(before?.outage === undefined ? [] : [before.outage]), ...known]),
    newTargets,
  };
}

function hullOf(ranges: readonly TimeRange[]): TimeRange | undefined {
  if (ranges.length === 0) return undefined;
  return {
    fromMs: Math.min(...ranges.map(({ fromMs }) => fromMs)),
    untilMs: Math.max(...ranges.map(({ untilMs }) => untilMs)),
  };
}

/**
 * Compares what the file would contain. A bound that moved by less than the rounding is not
 * written.
 */
function isSame(before: GatheredRanges, after: GatheredRanges): boolean {
  const textOf = ({ ranges, causes, newTargets }: GatheredRanges): string =>
    JSON.stringify([ranges, causes, [...newTargets.keys()]]);
  return textOf(before) === textOf(after);
}

function awayOf(causes: RecoveryState["causes"]): OutageSummary["away"] {
  if (causes.length > 1) return "master or the link";
  return causes[0] === "link_down" ? "link" : "master";
}
