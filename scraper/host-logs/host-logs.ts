import path from "node:path";
import type { MetricsSource, Sample } from "../../exporter/shared/model/metric.js";
import { type Family, FAMILIES } from "../../exporter/shared/model/family.js";
import { formatFamilyLines } from "../../exporter/shared/model/human-lines.js";
import { messageOf } from "../../exporter/shared/model/errors.js";
import { hostFolder, HOSTS_FOLDER } from "../fleet/host-folder.js";
import type { Target } from "../fleet/target.js";
import { EndpointLogs } from "./endpoint-logs.js";
import { type FilledLog, pendingPortOf } from "./filled-log.js";
import { HOST_LOG_METRICS, type HostLogParts, HostLogWriter } from "./host-log-writer.js";
import { LayoutIndex, LayoutReading, type RowLayout } from "./layout-reading.js";
import { LogOwners } from "./log-owners.js";

const SAMPLING_TIME = "pihealth_collector_last_success_timestamp_seconds";
const LOOK_EVERY_MS = 30_000;
const FORGET_AFTER_MS = 86_400_000;
export const LOG_FOLDER = "log";

/** Address and port of an exporter. */
export type LoggedEndpoint = Pick<Target, "host" | "port">;

/** Columns of a layout that contain the sampling time of each family. */
interface LayoutPlan {
  readonly index: LayoutIndex;
  readonly samplingColumns: readonly (readonly [Family, number])[];
}

/**
 * Writes scraped values as human logs: one log per exporter and family, several samplings per
 * write.
 *
 * Scrapes call `receiveScrape` with each row, alarms call `writeAlarm`, backfill uses `filledLog`.
 * One loop writes logs whose lines have waited long enough.
 */
export class HostLogs implements MetricsSource {
  readonly metrics = Object.values(HOST_LOG_METRICS);
  private readonly endpoints = new Map<string, EndpointLogs>();
  private readonly plans = new WeakMap<RowLayout, LayoutPlan>();
  private readonly writer: HostLogWriter;
  private readonly owners: LogOwners;
  private readonly stopping = new AbortController();
  private ended: Promise<void> | undefined;

  constructor(private readonly parts: HostLogParts) {
    this.writer = new HostLogWriter(parts);
    this.owners = new LogOwners(parts.files, parts.log, parts.settings.fileNames);
  }

  start(): void {
    if (this.parts.settings.isEnabled) this.ended = this.run();
  }

  /** Writes all pending lines. Lines that a slow disk has not taken in time are counted as lost. */
  async stop(): Promise<void> {
    this.stopping.abort();
    this.writer.prepareStop();
    await this.ended;
    const lostBefore = this.writer.lost;
    await this.flush();
    const lost = this.writer.lost - lostBefore;
    if (lost > 0) this.parts.log.warn("Host log lines lost at the stop", { lines: lost });
  }

  /**
   * Takes one row of an exporter. Adds the lines of each family that was sampled since the previous
   * row.
   *
   * @param values one per series of the layout; read before the call returns
   */
  receiveScrape(
    endpoint: LoggedEndpoint,
    timestampMs: number,
    layout: RowLayout,
    values: Float64Array,
  ): void {
    if (!this.parts.settings.isEnabled) return;
    const { index, samplingColumns } = this.planOf(layout);
    if (samplingColumns.length === 0) return;
    const logs = this.logsOf(endpoint.host, endpoint.port);
    const nowMs = this.parts.clock.monotonicMs();
    for (const [family, column] of samplingColumns) {
      const sampling = values[column] as number;
      if (!Number.isFinite(sampling)) continue;
      const log = logs.logOf(family, nowMs);
      if (log.lastSampling === sampling) continue;
      log.lastSampling = sampling;
      // If the Pi does not know the time, the time of the master is the better one.
      const timeMs = sampling > 0 ? sampling * 1000 : timestampMs;
      log.addSampling(formatFamilyLines(family, new LayoutReading(timeMs, index, values)));
    }
  }

  /** Collects lines from the history of an exporter; undefined when host logs are off. */
  filledLog({ host, port }: LoggedEndpoint): FilledLog | undefined {
    if (!this.parts.settings.isEnabled) return undefined;
    return this.logsOf(host, port).filledLog();
  }

  /**
   * Writes a line to the host's `alarms.log` at once.
   *
   * @param line line feeds and other control characters are escaped
   */
  async writeAlarm(host: string, line: string): Promise<void> {
    const log = this.logsOf(host, undefined).logOf("alarms", this.parts.clock.monotonicMs());
    log.add([line]);
    await log.flush();
  }

  /** Resolves when everything received before the call is written, or counted as lost. */
  async flush(): Promise<void> {
    for (const { byKind } of this.endpoints.values()) {
      for (const log of byKind.values()) if (!log.isIdle) log.request();
    }
    await this.writer.drain();
  }

  readMetrics(): Sample[] {
    return this.writer.readMetrics();
  }

  private planOf(layout: RowLayout): LayoutPlan {
    const known = this.plans.get(layout);
    if (known !== undefined) return known;
    const index = new LayoutIndex(layout);
    const columns = FAMILIES.map(
      (family) => [family, index.findColumn(SAMPLING_TIME, "collector", family)] as const,
    );
    const samplingColumns = columns.flatMap(([family, column]) =>
      column === undefined ? [] : [[family, column] as const],
    );
    const plan = { index, samplingColumns };
    this.plans.set(layout, plan);
    return plan;
  }

  private logsOf(host: string, port: number | undefined): EndpointLogs {
    const key = port === undefined ? host : `${host} ${port}`;
    const known = this.endpoints.get(key);
    if (known !== undefined) return known;
    const folder = path.join(this.parts.folder, hostFolder(host), LOG_FOLDER);
    const created = new EndpointLogs(folder, port, { writer: this.writer, owners: this.owners });
    this.endpoints.set(key, created);
    return created;
  }

  private async run(): Promise<void> {
    const { clock, settings } = this.parts;
    const { signal } = this.stopping;
    await this.mergeLeftOver();
    while (!signal.aborted) {
      try {
        await clock.sleep(Math.min(LOOK_EVERY_MS, settings.maxWaitMs), signal);
      } catch (error) {
        if (!signal.aborted) throw error;
        return;
      }
      this.writeOld(clock.monotonicMs() - settings.maxWaitMs);
      this.forgetIdle(clock.monotonicMs() - FORGET_AFTER_MS);
    }
  }

  /** Merges lines of histories that an earlier run left behind. */
  private async mergeLeftOver(): Promise<void> {
    const { files, folder, log } = this.parts;
    const hosts = path.join(folder, HOSTS_FOLDER);
    try {
      if ((await files.facts(hosts)) === undefined) return;
      for (const { name: host } of await files.list(hosts)) {
        if (this.stopping.signal.aborted) return;
        await this.mergeLeftOverOf(host, path.join(hosts, host, LOG_FOLDER));
      }
    } catch (error) {
      log.warn("Cannot merge lines of histories into the logs: will be tried again", {
        error: messageOf(error),
      });
    }
  }

  private async mergeLeftOverOf(host: string, folder: string): Promise<void> {
    const { files } = this.parts;
    if ((await files.facts(folder)) === undefined) return;
    for (const { name } of await files.list(folder)) {
      const port = pendingPortOf(name);
      if (port === undefined) continue;
      const owner = port ?? (await this.owners.ownerOf(folder));
      await this.filledLog({ host, port: owner })?.merge();
    }
  }

  private writeOld(untilMs: number): void {
    for (const { byKind } of this.endpoints.values()) {
      for (const log of byKind.values()) if (log.hasLinesSince(untilMs)) log.request();
    }
  }

  /** Forgets unused logs in memory, because hosts come and go for years. The files stay on disk. */
  private forgetIdle(untilMs: number): void {
    for (const [key, logs] of this.endpoints) {
      if (!logs.forgetIdle(untilMs)) continue;
      this.endpoints.delete(key);
      this.owners.forget(logs.folder);
    }
  }
}
