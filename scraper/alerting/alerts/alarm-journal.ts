import path from "node:path";
import type { JsonFields } from "../../../exporter/shared/codec/json-fields.js";
import type { Files } from "../../../exporter/shared/platform/files.js";
import type { Logger } from "../../../exporter/shared/platform/logger.js";
import type { Alert } from "./alert.js";
import { fingerprintOf } from "./alert-fingerprint.js";
import { RESOLVED_RETENTION_MS, type AlertStore, type StoredAlert } from "./alert-store.js";
import { JsonLinesFile, RECORD_VERSION } from "./json-lines-file.js";

interface AlarmLine {
  readonly v: number;
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsAtMs: number;
  readonly endsAtMs: number;
  readonly updatedAtMs: number;
  readonly endsByTimeout: boolean;
  readonly generatorUrl: string;
  readonly immediate: boolean;
}

/** An alert of an earlier run, and whether its group does not wait. */
export interface KeptAlarm {
  readonly alert: Alert;
  readonly isImmediate: boolean;
}

/**
 * Alarms that Pis pushed and alerts that others posted, in `alarms.jsonl`. A Pi forgets an alarm once
 * the master has acknowledged it, so the master must not lose it. Alerts of rules need no file: rules send them again and
 * again.
 */
export class AlarmJournal {
  private readonly file: JsonLinesFile<StoredAlert>;

  /**
   * @param store the alerts that a rewritten file must contain
   */
  constructor(
    {
      files,
      log,
      folder,
    }: { readonly files: Files; readonly log: Logger; readonly folder: string },
    store: AlertStore,
  ) {
    this.file = new JsonLinesFile({
      files,
      log,
      effect:
        "pushed alarms and posted alerts of earlier runs are forgotten until they are sent again",
      filePath: path.join(folder, "alarms.jsonl"),
      current: () => currentAlarms(store),
      encode: encodeAlarm,
    });
  }

  /**
   * @returns alarms that are firing or were resolved recently, and the number of unreadable lines
   */
  async load(nowMs: number): Promise<{ alarms: KeptAlarm[]; damaged: number }> {
    const { records, damaged } = await this.file.load(decodeAlarm);
    const latest = new Map(records.map((kept) => [fingerprintOf(kept.alert.labels), kept]));
    const alarms = [...latest.values()].filter(
      ({ alert }) => alert.endsAtMs > nowMs - RESOLVED_RETENTION_MS,
    );
    return { alarms, damaged };
  }

  /**
   * Resolves when the alarms survive a power cut.
   *
   * @throws {NotDurableError}
   */
  append(alarms: readonly StoredAlert[]): Promise<void> {
    return this.file.append(alarms);
  }

  close(): Promise<void> {
    return this.file.close();
  }
}

function* currentAlarms(store: AlertStore): Iterable<StoredAlert> {
  for (const alert of store.all()) if (alert.isDurable) yield alert;
}

function encodeAlarm(alarm: StoredAlert): AlarmLine {
  return {
    v: RECORD_VERSION,
    id: alarm.fingerprint,
    labels: alarm.labels.toObject(),
    annotations: alarm.annotations.toObject(),
    startsAtMs: alarm.startsAtMs,
    endsAtMs: alarm.endsAtMs,
    updatedAtMs: alarm.updatedAtMs,
    endsByTimeout: alarm.endsByTimeout,
    generatorUrl: alarm.generatorUrl,
    immediate: alarm.isImmediate,
  };
}

export function decodeAlarm(fields: JsonFields): KeptAlarm {
  // Lines of earlier versions have only alarms of Pis.
  const isImmediate = fields.optional("immediate", (key) => fields.boolean(key)) ?? true;
  const alert = {
    labels: fields.labels("labels"),
    annotations: fields.labels("annotations"),
    startsAtMs: fields.number("startsAtMs"),
    endsAtMs: fields.number("endsAtMs"),
    endsByTimeout: fields.boolean("endsByTimeout"),
    generatorUrl: fields.text("generatorUrl"),
  };
  return { alert, isImmediate };
}
