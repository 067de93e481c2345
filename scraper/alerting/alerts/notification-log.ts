import path from "node:path";
import type { JsonFields } from "../../../exporter/shared/codec/json-fields.js";
import type { Clock } from "../../../exporter/shared/platform/clock.js";
import type { Files } from "../../../exporter/shared/platform/files.js";
import type { Logger } from "../../../exporter/shared/platform/logger.js";
import { JsonLinesFile, RECORD_VERSION } from "./json-lines-file.js";

/** The last notification of one integration about one alert group. */
export interface NotificationRecord {
  /** Receiver, integration and group. */
  readonly id: string;
  readonly timestampMs: number;
  /** Fingerprints of the alerts that the notification had as firing and as resolved. */
  readonly firing: readonly string[];
  readonly resolved: readonly string[];
  /** When the group started firing. All mails since then form one thread. */
  readonly threadMs: number;
  readonly expiresAtMs: number;
}

export const MAX_NOTIFICATION_RECORDS = 100_000;
/** A record is kept for two repeat intervals, but not longer than this. */
export const MAX_NOTIFICATION_RETENTION_MS = 30 * 86_400_000;
const MIN_NOTIFICATION_RETENTION_MS = 86_400_000;

export function expiryOf(nowMs: number, repeatIntervalMs: number): number {
  const retentionMs = Math.max(MIN_NOTIFICATION_RETENTION_MS, 2 * repeatIntervalMs);
  return nowMs + Math.min(MAX_NOTIFICATION_RETENTION_MS, retentionMs);
}

interface NotificationLogOptions {
  readonly files: Files;
  readonly log: Logger;
  readonly folder: string;
  readonly clock: Clock;
}

/**
 * The last notifications, in memory and in `notification-log.jsonl`, so that a restart repeats
 * none.
 */
export class NotificationLog {
  private readonly records = new Map<string, NotificationRecord>();
  /** A storm of 20,000 resolved alerts asks for each of them. */
  private readonly firingOf = new WeakMap<NotificationRecord, ReadonlySet<string>>();
  private readonly file: JsonLinesFile<NotificationRecord>;
  private readonly clock: Clock;

  constructor({ files, log, folder, clock }: NotificationLogOptions) {
    this.clock = clock;
    this.file = new JsonLinesFile({
      files,
      log,
      effect: "alerts that were notified before may be notified again",
      filePath: path.join(folder, "notification-log.jsonl"),
      current: () => this.current(),
      encode: encodeNotificationRecord,
    });
  }

  /**
   * @returns the number of unreadable lines
   */
  async load(): Promise<number> {
    const { records, damaged } = await this.file.load(decodeNotificationRecord);
    for (const record of records) this.remember(record);
    return damaged;
  }

  close(): Promise<void> {
    return this.file.close();
  }

  get size(): number {
    return this.records.size;
  }

  get(id: string): NotificationRecord | undefined {
    const record = this.records.get(id);
    return record === undefined || record.expiresAtMs < this.clock.wallMs() ? undefined : record;
  }

  /** Whether the last notification had the alert as firing. */
  hasAsFiring(id: string, fingerprint: string): boolean {
    const record = this.get(id);
    if (record === undefined) return false;
    const known = this.firingOf.get(record) ?? new Set(record.firing);
    this.firingOf.set(record, known);
    return known.has(fingerprint);
  }

  /**
   * Takes the records that the outbox stored with its messages, in case of a crash between message
   * and log.
   *
   * @throws {NotDurableError} the records are in memory all the same
   */
  async adopt(records: readonly NotificationRecord[]): Promise<void> {
    const newer = records.filter(
      ({ id, timestampMs }) => (this.records.get(id)?.timestampMs ?? 0) < timestampMs,
    );
    for (const record of newer) this.remember(record);
    await this.file.append(newer);
  }

  /**
   * Resolves when the record survives a power cut.
   *
   * @throws {NotDurableError} the record is in memory all the same
   */
  async record(record: NotificationRecord): Promise<void> {
    this.remember(record);
    this.makeRoom();
    await this.file.append([record]);
  }

  /** Keeps the map in the order of notifications, oldest first. */
  private remember(record: NotificationRecord): void {
    this.records.delete(record.id);
    this.records.set(record.id, record);
  }

  private makeRoom(): void {
    const nowMs = this.clock.wallMs();
    for (const [id, record] of this.records) {
      if (this.records.size <= MAX_NOTIFICATION_RECORDS && record.expiresAtMs >= nowMs) break;
      this.records.delete(id);
    }
  }

  private *current(): Iterable<NotificationRecord> {
    const nowMs = this.clock.wallMs();
    for (const record of this.records.values()) if (record.expiresAtMs >= nowMs) yield record;
  }
}

export interface NotificationLine extends NotificationRecord {
  readonly v: number;
}

export function encodeNotificationRecord(record: NotificationRecord): NotificationLine {
  const { id, timestampMs, firing, resolved, threadMs, expiresAtMs } = record;
  return { v: RECORD_VERSION, id, timestampMs, firing, resolved, threadMs, expiresAtMs };
}

export function decodeNotificationRecord(fields: JsonFields): NotificationRecord {
  return {
    id: fields.text("id"),
    timestampMs: fields.number("timestampMs"),
    firing: fields.texts("firing"),
    resolved: fields.texts("resolved"),
    threadMs: fields.number("threadMs"),
    expiresAtMs: fields.number("expiresAtMs"),
  };
}
