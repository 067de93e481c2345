import type { OwnMetric } from "../../exporter/shared/model/own-metric.js";
import path from "node:path";
import { type Family, FAMILIES } from "../../exporter/shared/model/family.js";
import { formatFamilyLines } from "../../exporter/shared/model/human-lines.js";
import { messageOf } from "../../exporter/shared/model/errors.js";
import type { Clock } from "../../exporter/shared/platform/clock.js";
import type { Files } from "../../exporter/shared/platform/files.js";
import type { Logger } from "../../exporter/shared/platform/logger.js";
import { hostFolder } from "../fleet/host-folder.js";
import type { HostLogSettings } from "./host-log-settings.js";
import { LayoutIndex, LayoutReading, type RowLayout } from "./layout-reading.js";
import { RotatingLog } from "./rotating-log.js";
import { WriteSlots } from "./write-slots.js";

const SAMPLING_TIME = "pihealth_collector_last_success_timestamp_seconds";
const LOOK_EVERY_MS = 30_000;
/** Lines that wait at most while the disk does not keep up, in writes. */
const MAX_WAITING_WRITES = 10;
const WRITES_AT_ONCE = 8;
const FORGET_AFTER_MS = 86_400_000;
const MAX_LINE_CHARACTERS = 4096;

type LogKind = Family | "alarms";

/** One log of one host, and the lines that wait for it. */
interface HostLog {
  readonly file: RotatingLog;
  /** Monotonic. */
  usedMs: number;
  lines: string[];
  /** How many samplings the lines come from. */
  samplings: number;
  /** Monotonic time of the first of them. */
  sinceMs: number;
  /** `SAMPLING_TIME` of the last one; a value that differs is a new sampling, also when the Pi's clock was set back. */
  lastSampling: number;
  writing: Promise<void>;
  /** A write is going to begin; one that is going on does not count. */
  isQueued: boolean;
}

/** Columns of a layout that say when each family was sampled. */
interface LayoutPlan {
  readonly index: LayoutIndex;
  readonly samplingColumns: readonly (readonly [Family, number])[];
}

export interface HostLogsOptions {
  /** The data folder; logs go to `hosts/<ip>/log/` below it. */
  readonly folder: string;
  readonly files: Files;
  readonly clock: Clock;
  readonly log: Logger;
  readonly settings: HostLogSettings;
}

/** Writes what is scraped as lines for people, one log per host and family, several samplings at a time. */
export class HostLogs {
  private readonly hosts = new Map<string, Map<LogKind, HostLog>>();
  private readonly plans = new WeakMap<RowLayout, LayoutPlan>();
  private readonly slots = new WriteSlots(WRITES_AT_ONCE);
  private readonly stopping = new AbortController();
  private ended: Promise<void> | undefined;
  private readonly counts = { written: 0, lost: 0, failures: 0 };
  private isFailing = false;

  constructor(private readonly options: HostLogsOptions) {}

  start(): void {
    if (this.options.settings.isEnabled) this.ended = this.run();
  }

  /** Writes all lines that wait. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.ended;
    await this.flush();
  }

  /**
   * Takes one row of a host. Adds the lines of each family that was sampled anew since the last row.
   *
   * @param host IP address or host name of the target
   * @param values one per series of the layout; read before the call returns
   */
  receiveScrape(host: string, timestampMs: number, layout: RowLayout, values: Float64Array): void {
    if (!this.options.settings.isEnabled) return;
    const { index, samplingColumns } = this.planOf(layout);
    for (const [family, column] of samplingColumns) {
      const sampling = values[column] as number;
      if (!Number.isFinite(sampling)) continue;
      const log = this.logOf(host, family);
      if (log.lastSampling === sampling) continue;
      log.lastSampling = sampling;
      // Where the Pi does not know the time, the master's is the better one.
      const timeMs = sampling > 0 ? sampling * 1000 : timestampMs;
      this.addSampling(log, formatFamilyLines(family, new LayoutReading(timeMs, index, values)));
    }
  }

  /**
   * Writes a line to the host's `alarms.log` at once.
   *
   * @param line line feeds and other control characters are escaped
   */
  async writeAlarm(host: string, line: string): Promise<void> {
    const log = this.logOf(host, "alarms");
    this.keepWithinBound(log, 1);
    log.lines.push(oneLine(line));
    await this.write(log);
  }

  /** Resolves when everything received before the call is written, or counted as lost. */
  async flush(): Promise<void> {
    await Promise.all(
      [...this.hosts.values()].flatMap((logs) => [...logs.values()].map((log) => this.write(log))),
    );
  }

  metrics(): OwnMetric[] {
    const counter = (name: string, help: string, value: number): OwnMetric => ({
      name, help, type: "counter", value,
    });
    const { written, lost, failures } = this.counts;
    return [
      counter("pihealth_host_log_lines_total", "Lines written to the logs of hosts.", written),
      counter(
        "pihealth_host_log_lost_lines_total",
        "Lines lost because the disk refused or was too slow.",
        lost,
      ),
      counter(
        "pihealth_host_log_failures_total",
        "Writes to the logs of hosts that the disk refused.",
        failures,
      ),
    ];
  }

  private planOf(layout: RowLayout): LayoutPlan {
    const known = this.plans.get(layout);
    if (known !== undefined) return known;
    const index = new LayoutIndex(layout);
    const columns = FAMILIES.map(
      (family) => [family, index.findColumn(SAMPLING_TIME, "collector", family)] as const,
    );
    const samplingColumns = columns.flatMap(
      ([family, column]) => (column === undefined ? [] : [[family, column] as const]),
    );
    const plan = { index, samplingColumns };
    this.plans.set(layout, plan);
    return plan;
  }

  private logOf(host: string, kind: LogKind): HostLog {
    const logs = this.hosts.get(host) ?? new Map<LogKind, HostLog>();
    this.hosts.set(host, logs);
    const log = logs.get(kind) ?? this.openLog(host, kind);
    logs.set(kind, log);
    log.usedMs = this.options.clock.monotonicMs();
    return log;
  }

  private openLog(host: string, kind: LogKind): HostLog {
    const { folder, files, settings } = this.options;
    const file = new RotatingLog(path.join(folder, hostFolder(host), "log"), `${kind}.log`, files, settings);
    return {
      file, usedMs: 0, lines: [], samplings: 0, sinceMs: 0, lastSampling: Number.NaN, writing: Promise.resolve(), isQueued: false,
    };
  }

  private addSampling(log: HostLog, lines: readonly string[]): void {
    if (lines.length === 0) return;
    if (log.samplings === 0) log.sinceMs = this.options.clock.monotonicMs();
    this.keepWithinBound(log, lines.length);
    log.lines.push(...lines.map(oneLine));
    log.samplings++;
    if (log.samplings >= this.options.settings.linesPerWrite) void this.write(log);
  }

  /** The oldest lines give way: what just happened matters more. */
  private keepWithinBound(log: HostLog, adding: number): void {
    const bound = MAX_WAITING_WRITES * Math.max(this.options.settings.linesPerWrite, adding);
    const excess = Math.max(0, log.lines.length + adding - bound);
    log.lines.splice(0, excess);
    this.counts.lost += excess;
  }

  /** Writes of one log follow each other. Never rejects. */
  private write(log: HostLog): Promise<void> {
    if (log.isQueued) return log.writing; // The write that waits takes these lines along.
    log.isQueued = true;
    log.writing = log.writing.then(() => this.slots.run(() => this.writeLines(log)));
    return log.writing;
  }

  private async writeLines(log: HostLog): Promise<void> {
    log.isQueued = false;
    const { lines } = log;
    if (lines.length === 0) return;
    log.lines = [];
    log.samplings = 0;
    let waiting = lines.length;
    try {
      await log.file.append(`${lines.join("\n")}\n`);
      waiting = 0;
      this.counts.written += lines.length;
      await log.file.rotateWhenLarge(this.options.clock.wallMs());
      if (this.isFailing) {
        this.options.log.info("Logs of hosts are written again", { lost: this.counts.lost });
      }
      this.isFailing = false;
    } catch (error) {
      this.counts.failures++;
      this.counts.lost += waiting;
      if (!this.isFailing) this.options.log.error("Logs of hosts not written", { error: messageOf(error) });
      this.isFailing = true;
    }
  }

  private async run(): Promise<void> {
    const { clock, settings } = this.options;
    const { signal } = this.stopping;
    while (!signal.aborted) {
      try {
        await clock.sleep(Math.min(LOOK_EVERY_MS, settings.maxWaitMs), signal);
      } catch (error) {
        if (!signal.aborted) throw error;
        return;
      }
      await this.writeOld(clock.monotonicMs() - settings.maxWaitMs);
      this.forgetIdle(clock.monotonicMs() - FORGET_AFTER_MS);
    }
  }

  private async writeOld(untilMs: number): Promise<void> {
    for (const logs of this.hosts.values()) {
      for (const log of logs.values()) if (log.samplings > 0 && log.sinceMs <= untilMs) await this.write(log);
    }
  }

  /** Hosts come and go for years; their logs stay on the disk. */
  private forgetIdle(untilMs: number): void {
    for (const [host, logs] of this.hosts) {
      for (const [kind, log] of logs) {
        if (log.usedMs <= untilMs && log.lines.length === 0 && !log.isQueued) logs.delete(kind);
      }
      if (logs.size === 0) this.hosts.delete(host);
    }
  }
}

/** A line that cannot be mistaken for two, nor move a terminal's cursor. */
function oneLine(line: string): string {
  const text = line.length > MAX_LINE_CHARACTERS ? `${line.slice(0, MAX_LINE_CHARACTERS)}...` : line;
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (character) => {
    return `\\u{${(character.codePointAt(0) as number).toString(16)}}`;
  });
}
