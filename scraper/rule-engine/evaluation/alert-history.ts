/** Which alerts have fired. The format is in alert-history.format.md. */
import type { JsonFields } from "../../../exporter/shared/codec/json-fields.js";
import { messageOf } from "../../../exporter/shared/model/errors.js";
import type { Labels } from "../../../exporter/shared/model/labels.js";
import type { Files } from "../../../exporter/shared/platform/files.js";
import type { Logger } from "../../../exporter/shared/platform/logger.js";
import { fingerprintOf } from "../../alerting/alerts/alert-fingerprint.js";
import { JsonLinesFile } from "../../alerting/alerts/json-lines-file.js";
import type { PastAlert } from "../../alerting/alerts/past-alert.js";
import type { ActiveAlert } from "./active-alert.js";

export const MAX_HISTORY_ENTRIES = 10_000;
const VERSION = 1;

export interface HistoryEntry {
  readonly id: string;
  /** With the external labels. */
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly activeAtMs: number;
  readonly firedAtMs: number;
  /** Undefined: it fires still. */
  readonly endedAtMs: number | undefined;
  readonly times: number;
  /** Undefined where it was seen live. */
  readonly worst: number | undefined;
  readonly source: "live" | "filled";
}

interface HistoryLine {
  readonly id: string;
}

/**
 * Alerts that have fired, bounded, on disk. A disk that refuses costs nothing but what a restart
 * would know.
 */
export class AlertHistory {
  private readonly entries = new Map<string, HistoryEntry>();
  private readonly byLabels = new Map<string, Set<string>>();
  /** Ids of those that fire, by the key of their labels. */
  private readonly open = new Map<string, string>();
  private readonly file: JsonLinesFile<HistoryLine>;
  private writing: Promise<void> = Promise.resolve();
  private isFailing = false;
  damagedLines = 0;

  constructor(
    files: Files,
    filePath: string,
    private readonly log: Logger,
  ) {
    this.file = new JsonLinesFile(files, filePath, () => [...this.entries.values()].map(encode));
  }

  async load(): Promise<void> {
    const { records, damaged } = await this.file.load(decode);
    for (const entry of records) this.keep(entry);
    this.damagedLines = damaged;
    if (this.damagedLines > 0)
      this.log.warn("lines of the alert history were damaged", { lines: this.damagedLines });
  }

  async close(): Promise<void> {
    await this.writing;
    await this.file.close();
  }

  get size(): number {
    return this.entries.size;
  }

  /**
   * Takes an alert of a live evaluation that fires or has been resolved.
   *
   * @param labels with the external ones
   */
  noteLive(alert: ActiveAlert, labels: Labels): void {
    const { activeAtMs, annotations, resolvedAtMs } = alert;
    const firedAtMs = alert.firedAtMs ?? activeAtMs;
    const openId = this.open.get(labels.key);
    const id = openId ?? idOf(labels, firedAtMs);
    const known = this.entries.get(id);
    const isSame =
      known?.activeAtMs === activeAtMs &&
      known.firedAtMs === firedAtMs &&
      known.endedAtMs === resolvedAtMs;
    // The end of an alert is sent again for a while.
    const isOver =
      openId === undefined &&
      resolvedAtMs !== undefined &&
      this.of(labels).some(({ endedAtMs }) => endedAtMs === resolvedAtMs);
    if (isSame || isOver) return;
    const fresh = { id, labels, times: 1, worst: undefined, source: "live" as const };
    this.change([
      { ...fresh, ...known, annotations, activeAtMs, firedAtMs, endedAtMs: resolvedAtMs },
    ]);
  }

  /**
   * Takes alerts that were found in a filled range. One that fires, and was seen live since, keeps
   * its entry.
   *
   * @param key of the range; taking the same alerts again changes nothing
   */
  async addFilled(alerts: readonly PastAlert[], key: string): Promise<void> {
    this.change(
      alerts.map((alert): HistoryEntry => {
        const openId = alert.endedAtMs === undefined ? this.open.get(alert.labels.key) : undefined;
        const { labels, annotations, activeAtMs, firedAtMs, endedAtMs, times, worst } = alert;
        const id = openId ?? `${fingerprintOf(labels)}-${key}`;
        return {
          id,
          labels,
          annotations,
          activeAtMs,
          firedAtMs,
          endedAtMs,
          times,
          worst,
          source: "filled",
        };
      }),
    );
    await this.writing;
  }

  /** All that is known of an alert with these labels, oldest first. */
  of(labels: Labels): HistoryEntry[] {
    const ids = this.byLabels.get(labels.key) ?? [];
    const found = [...ids].map((id) => this.entries.get(id) as HistoryEntry);
    return found.sort((left, right) => left.firedAtMs - right.firedAtMs);
  }

  /** Those that fired at some time of the range, newest first. */
  list({
    fromMs,
    untilMs,
    limit,
  }: {
    fromMs: number;
    untilMs: number;
    limit: number;
  }): HistoryEntry[] {
    return [...this.entries.values()]
      .filter(
        ({ activeAtMs, endedAtMs }) => activeAtMs < untilMs && (endedAtMs ?? untilMs) >= fromMs,
      )
      .sort((left, right) => right.activeAtMs - left.activeAtMs)
      .slice(0, limit);
  }

  /**
   * Alerts that nobody will end any more, as their rules are gone or their states were lost, end
   * now.
   */
  closeAllBut(isActive: (labels: Labels) => boolean, nowMs: number): void {
    const ids = [...this.open.values()];
    const left = ids
      .map((id) => this.entries.get(id) as HistoryEntry)
      .filter(({ labels }) => !isActive(labels));
    this.change(left.map((entry) => ({ ...entry, endedAtMs: nowMs })));
  }

  private change(entries: readonly HistoryEntry[]): void {
    if (entries.length === 0) return;
    for (const entry of entries) this.keep(entry);
    this.makeRoom();
    this.writing = this.writing.then(() => this.write(entries));
  }

  private async write(entries: readonly HistoryEntry[]): Promise<void> {
    try {
      await this.file.append(entries.map(encode));
      this.isFailing = false;
    } catch (error) {
      if (!this.isFailing)
        this.log.error("Cannot write alert history", { error: messageOf(error) });
      this.isFailing = true;
    }
  }

  /** The newest is last in the map. */
  private keep(entry: HistoryEntry): void {
    const { id, labels, endedAtMs } = entry;
    this.entries.delete(id);
    this.entries.set(id, entry);
    const ids = this.byLabels.get(labels.key);
    if (ids === undefined) this.byLabels.set(labels.key, new Set([id]));
    else ids.add(id);
    if (endedAtMs === undefined) this.open.set(labels.key, id);
    else if (this.open.get(labels.key) === id) this.open.delete(labels.key);
  }

  private makeRoom(): void {
    for (const { id, labels, endedAtMs } of this.entries.values()) {
      if (this.entries.size <= MAX_HISTORY_ENTRIES) return;
      if (endedAtMs === undefined && this.entries.size <= 2 * MAX_HISTORY_ENTRIES) continue;
      this.entries.delete(id);
      if (this.open.get(labels.key) === id) this.open.delete(labels.key);
      const ids = this.byLabels.get(labels.key);
      ids?.delete(id);
      if (ids?.size === 0) this.byLabels.delete(labels.key);
    }
  }
}

const idOf = (labels: Labels, firedAtMs: number): string => `${fingerprintOf(labels)}-${firedAtMs}`;

function encode({ labels, annotations, endedAtMs, worst, ...rest }: HistoryEntry): HistoryLine {
  const line = {
    v: VERSION,
    ...rest,
    labels: labels.toObject(),
    annotations: annotations.toObject(),
    endedAtMs: endedAtMs ?? null,
    worst: worst === undefined ? null : String(worst),
  };
  return line;
}

function decode(fields: JsonFields): HistoryEntry {
  return {
    id: fields.text("id"),
    labels: fields.labels("labels"),
    annotations: fields.labels("annotations"),
    activeAtMs: fields.number("activeAtMs"),
    firedAtMs: fields.number("firedAtMs"),
    endedAtMs: fields.nullable("endedAtMs", (key) => fields.number(key)),
    times: fields.number("times"),
    worst: fields.nullable("worst", (key) => Number(fields.text(key))),
    source: fields.text("source") === "filled" ? "filled" : "live",
  };
}
