/** Past and firing alerts, kept on disk. The format is in alert-history.format.md. */
import { getOrThrow } from "../../../exporter/shared/model/get-or-throw.js";
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
  /** Includes external labels. */
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly activeAtMs: number;
  readonly firedAtMs: number;
  /** Undefined while the alert is firing. */
  readonly endedAtMs: number | undefined;
  readonly times: number;
  /** Undefined for alerts of live evaluation. */
  readonly worst: number | undefined;
  readonly source: "live" | "filled";
}

interface HistoryLine {
  readonly id: string;
}

/**
 * The history of alerts that have fired, bounded. If the disk refuses a write, only a restart loses
 * the entry.
 */
export class AlertHistory {
  private readonly entries = new Map<string, HistoryEntry>();
  /** Ids of ended alerts, the one that changed last at the end. */
  private readonly ended = new Set<string>();
  /** Ids of firing alerts in the same order. */
  private readonly firing = new Set<string>();
  private readonly byLabels = new Map<string, Set<string>>();
  /** Ids of firing alerts, by the key of their labels. */
  private readonly open = new Map<string, string>();
  private readonly file: JsonLinesFile<HistoryEntry>;
  /** Entries that are not on disk, by id. They are written together. */
  private unsaved = new Map<string, HistoryEntry>();
  private saving: Promise<void> | undefined;
  private isFailing = false;
  damagedLines = 0;

  constructor(
    files: Files,
    filePath: string,
    private readonly log: Logger,
  ) {
    this.file = new JsonLinesFile({
      files,
      log,
      effect: "past alerts are forgotten",
      filePath,
      current: () => this.entries.values(),
      encode,
    });
  }

  async load(): Promise<void> {
    const { records, damaged } = await this.file.load(decodeHistoryEntry);
    for (const entry of records) this.keep(entry);
    this.makeRoom();
    this.damagedLines = damaged;
  }

  async close(): Promise<void> {
    await this.saving;
    await this.file.close();
  }

  get size(): number {
    return this.entries.size;
  }

  /**
   * Records an alert of live evaluation that fires or has been resolved.
   *
   * @param labels includes external labels
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
    // The end of an alert is sent repeatedly for a while.
    if (isSame || (openId === undefined && this.hasEnded(labels, resolvedAtMs))) return;
    const fresh = { id, labels, times: 1, worst: undefined, source: "live" as const };
    this.change([
      { ...fresh, ...known, annotations, activeAtMs, firedAtMs, endedAtMs: resolvedAtMs },
    ]);
  }

  /**
   * Records alerts found in a filled range. A firing alert that live evaluation has seen since
   * keeps its entry.
   *
   * @param key identifies the range; recording the same alerts again has no effect
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
    await this.saving;
  }

  /** All entries with these labels, oldest first. */
  of(labels: Labels): HistoryEntry[] {
    const ids = this.byLabels.get(labels.key) ?? [];
    const found = [...ids].map((id) => getOrThrow(this.entries, id));
    return found.sort((left, right) => left.firedAtMs - right.firedAtMs);
  }

  /** Alerts that were firing at some time in the range, newest first. */
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
   * Ends alerts whose rules have been removed or whose states were lost, because nothing else will
   * end them.
   */
  closeAllBut(isActive: (labels: Labels) => boolean, nowMs: number): void {
    const ids = [...this.open.values()];
    const left = ids
      .map((id) => getOrThrow(this.entries, id))
      .filter(({ labels }) => !isActive(labels));
    this.change(left.map((entry) => ({ ...entry, endedAtMs: nowMs })));
  }

  private change(entries: readonly HistoryEntry[]): void {
    if (entries.length === 0) return;
    for (const entry of entries) this.keep(entry);
    for (const entry of entries) this.unsaved.set(entry.id, entry);
    this.makeRoom();
    this.saving ??= this.save().finally(() => (this.saving = undefined));
  }

  /** Writes until nothing is unsaved: changes made meanwhile share the next write. */
  private async save(): Promise<void> {
    await Promise.resolve(); // The alerts of one evaluation are recorded one by one.
    while (this.unsaved.size > 0) {
      const entries = [...this.unsaved.values()];
      this.unsaved = new Map();
      await this.write(entries);
    }
  }

  private async write(entries: readonly HistoryEntry[]): Promise<void> {
    try {
      await this.file.append(entries);
      this.isFailing = false;
    } catch (error) {
      if (!this.isFailing)
        this.log.error("Cannot write alert history", { error: messageOf(error) });
      this.isFailing = true;
    }
  }

  private hasEnded(labels: Labels, resolvedAtMs: number | undefined): boolean {
    if (resolvedAtMs === undefined) return false;
    for (const id of this.byLabels.get(labels.key) ?? [])
      if (this.entries.get(id)?.endedAtMs === resolvedAtMs) return true;
    return false;
  }

  /** Keeps the newest entry last. */
  private keep(entry: HistoryEntry): void {
    const { id, labels, endedAtMs } = entry;
    this.entries.delete(id);
    this.entries.set(id, entry);
    this.ended.delete(id);
    this.firing.delete(id);
    (endedAtMs === undefined ? this.firing : this.ended).add(id);
    const ids = this.byLabels.get(labels.key);
    if (ids === undefined) this.byLabels.set(labels.key, new Set([id]));
    else ids.add(id);
    if (endedAtMs === undefined) this.open.set(labels.key, id);
    else if (this.open.get(labels.key) === id) this.open.delete(labels.key);
  }

  /** Drops the alerts that ended first. Firing ones have as much room again. */
  private makeRoom(): void {
    for (const id of this.ended) {
      if (this.entries.size <= MAX_HISTORY_ENTRIES) return;
      this.drop(id);
    }
    for (const id of this.firing) {
      if (this.entries.size <= 2 * MAX_HISTORY_ENTRIES) return;
      this.drop(id);
    }
  }

  private drop(id: string): void {
    const { labels } = getOrThrow(this.entries, id);
    this.entries.delete(id);
    this.unsaved.delete(id);
    this.ended.delete(id);
    this.firing.delete(id);
    if (this.open.get(labels.key) === id) this.open.delete(labels.key);
    const ids = this.byLabels.get(labels.key);
    ids?.delete(id);
    if (ids?.size === 0) this.byLabels.delete(labels.key);
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

export function decodeHistoryEntry(fields: JsonFields): HistoryEntry {
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
