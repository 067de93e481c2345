/**
 * Keeps alarms on disk until they are delivered. The format is described in alarm-outbox.format.md.
 */
import path from "node:path";
import { JsonFields } from "../shared/codec/json-fields.js";
import { messageOf } from "../shared/model/errors.js";
import type { Files } from "../shared/platform/files.js";
import { TEMPORARY_SUFFIX } from "../shared/platform/files.js";
import type { Logger } from "../shared/platform/logger.js";
import { makeStateFolder, readStateFile } from "../shared/platform/state-file.js";
import type { Alarm } from "../shared/protocol/pushed-alarm.js";

/** Most alarms kept. Beyond it, ended alarms are dropped first, then the oldest. */
export const MAX_OUTBOX_ENTRIES = 1000;
/** Most bytes of all files. */
export const MAX_OUTBOX_BYTES = 1_048_576;
/** A larger file is no alarm of this program. */
export const MAX_ENTRY_BYTES = 256 * 1024;
const FORMAT_VERSION = 1;
export const OUTBOX_FILE_NAME = /^(\d{12})\.json$/;

/** An alarm that is being delivered. */
export interface OutboxEntry {
  readonly sequence: number;
  readonly collector: string;
  alarm: Alarm;
}

interface StoredEntry extends OutboxEntry {
  sizeBytes: number;
  /** Start and end as stored on disk; undefined when the alarm is not on disk. */
  saved: string | undefined;
}

export class AlarmOutbox {
  private readonly stored = new Map<number, StoredEntry>();
  private nextSequence = 1;
  private sizeBytes = 0;
  private dropped = 0;
  /** Writes and removals run one after the other, so a file cannot reappear after its removal. */
  private disk: Promise<void> = Promise.resolve();

  private constructor(
    private readonly folder: string,
    private readonly files: Files,
    private readonly log: Logger,
  ) {}

  /**
   * Reads the alarms of an earlier run. If the folder cannot be read or written, alarms are
   * delivered but not durable.
   */
  static async open(folder: string, files: Files, log: Logger): Promise<AlarmOutbox> {
    const outbox = new AlarmOutbox(folder, files, log);
    try {
      await makeStateFolder(files, folder, log);
      for (const { name } of await files.list(folder)) await outbox.readEntry(name);
    } catch (error) {
      log.error("Cannot open the alarm outbox: alarms do not survive a restart", {
        folder,
        error: messageOf(error),
      });
    }
    return outbox;
  }

  /** In the order in which they were raised. */
  get entries(): readonly OutboxEntry[] {
    return [...this.stored.values()];
  }

  /** Alarms dropped because the outbox was full. */
  get droppedCount(): number {
    return this.dropped;
  }

  add(alarm: Alarm, collector: string): OutboxEntry {
    const entry = {
      sequence: this.nextSequence++,
      collector,
      alarm,
      sizeBytes: 0,
      saved: undefined,
    };
    entry.sizeBytes = encodeEntry(entry).length;
    this.stored.set(entry.sequence, entry);
    this.sizeBytes += entry.sizeBytes;
    this.makeRoom(entry);
    return entry;
  }

  has(entry: OutboxEntry): boolean {
    return this.stored.has(entry.sequence);
  }

  /**
   * Writes the entry unless the disk has its start and end already. A new description alone is not
   * written.
   */
  save(entry: OutboxEntry): Promise<void> {
    return this.onDisk("write", entry, async (filePath) => {
      const stored = this.stored.get(entry.sequence);
      const state = `${entry.alarm.startsAtMs} ${entry.alarm.endsAtMs}`;
      if (stored === undefined || stored.saved === state) return;
      await this.files.replace(filePath, encodeEntry(entry), { mode: 0o600 });
      stored.saved = state;
    });
  }

  remove(entry: OutboxEntry): Promise<void> {
    const stored = this.stored.get(entry.sequence);
    if (stored === undefined) return Promise.resolve();
    this.stored.delete(entry.sequence);
    this.sizeBytes -= stored.sizeBytes;
    return this.onDisk("remove", entry, async (filePath) => {
      if (stored.saved !== undefined) await this.files.remove(filePath);
    });
  }

  private onDisk(
    action: string,
    entry: OutboxEntry,
    work: (filePath: string) => Promise<void>,
  ): Promise<void> {
    const filePath = path.join(this.folder, `${String(entry.sequence).padStart(12, "0")}.json`);
    this.disk = this.disk
      .then(() => work(filePath))
      .catch((error: unknown) => {
        this.log.error(`Cannot ${action} an alarm in the outbox`, {
          file: filePath,
          error: messageOf(error),
        });
      });
    return this.disk;
  }

  private makeRoom(newest: StoredEntry): void {
    const isFull = (): boolean =>
      this.stored.size > MAX_OUTBOX_ENTRIES || this.sizeBytes > MAX_OUTBOX_BYTES;
    while (isFull()) {
      const older = [...this.stored.values()].filter((entry) => entry !== newest);
      const victim = older.find(({ alarm }) => alarm.endsAtMs !== undefined) ?? older[0];
      if (victim === undefined) return; // The newest alarm is kept whatever its size.
      const alertname = victim.alarm.labels["alertname"];
      this.dropped++;
      this.log.warn("Alarm dropped: the outbox is full", { alertname });
      void this.remove(victim); // Errors end in the log; the order on disk is kept by `disk`.
    }
  }

  private async readEntry(name: string): Promise<void> {
    const filePath = path.join(this.folder, name);
    if (name.endsWith(TEMPORARY_SUFFIX)) return this.files.remove(filePath);
    const sequence = Number(OUTBOX_FILE_NAME.exec(name)?.[1]);
    if (!Number.isSafeInteger(sequence)) return;
    this.nextSequence = Math.max(this.nextSequence, sequence + 1);
    const entry = await readStateFile({
      files: this.files,
      log: this.log,
      filePath,
      maxBytes: MAX_ENTRY_BYTES,
      decode: (text) => ({ ...decodeEntry(text), sizeBytes: text.length }),
      effect: "this alarm is not sent",
    });
    if (entry === undefined) {
      this.dropped++;
      return;
    }
    const { alarm, collector, sizeBytes } = entry;
    const saved = `${alarm.startsAtMs} ${alarm.endsAtMs}`;
    this.stored.set(sequence, { sequence, alarm, collector, sizeBytes, saved });
    this.sizeBytes += sizeBytes;
  }
}

function encodeEntry({ alarm, collector }: OutboxEntry): string {
  const { labels, annotations, startsAtMs, endsAtMs = null } = alarm;
  const stored = {
    version: FORMAT_VERSION,
    collector,
    starts_at_ms: startsAtMs,
    ends_at_ms: endsAtMs,
    labels,
    annotations,
  };
  return `${JSON.stringify(stored)}\n`;
}

/** @throws {BadJsonError} */
export function decodeEntry(text: string): { alarm: Alarm; collector: string } {
  const fields = JsonFields.parse(text, "stored alarm");
  fields.version(FORMAT_VERSION);
  const collector = fields.text("collector");
  const alarm = {
    labels: fields.textMap("labels"),
    annotations: fields.textMap("annotations"),
    startsAtMs: fields.timeMs("starts_at_ms"),
    endsAtMs: fields.nullable("ends_at_ms", (key) => fields.timeMs(key)),
  };
  return { alarm, collector };
}
