/**
 * Keeps alert states across restarts. Changed alerts come in through `note`; `save` appends them to
 * the file. The formats are in alert-states.format.md.
 */
import path from "node:path";
import { JsonFields } from "../../../exporter/shared/codec/json-fields.js";
import { sha256Hex } from "../../../exporter/shared/model/hash.js";
import type { Files } from "../../../exporter/shared/platform/files.js";
import type { Logger } from "../../../exporter/shared/platform/logger.js";
import { readStateFile } from "../../../exporter/shared/platform/state-file.js";
import {
  JsonLinesFile,
  RECORD_VERSION,
  type JsonLine,
} from "../../alerting/alerts/json-lines-file.js";
import type { ActiveAlert, AlertState } from "./active-alert.js";

const DOCUMENT_VERSION = 1;
export const MAX_STORED_ALERTS = 50_000;
export const MAX_DOCUMENT_BYTES = 64 * 1_048_576;
/** Pending alerts from an older file are discarded. */
export const PENDING_TOLERANCE_MS = 3_600_000;
const STATES: readonly AlertState[] = ["pending", "firing", "resolved"];
/** Id of the line with the time of the last save. Alerts have hexadecimal ids. */
const SAVED_ID = "saved";
const ALERT_STATES_EFFECT = "alerts of earlier runs begin again as pending";

/** An alert of a rule, by the names of `groupKeyOf` and `ruleKeysOf`. */
export interface AlertPlace {
  readonly group: string;
  readonly rule: string;
  /** Key of the labels of the alert. */
  readonly key: string;
}

/** An alert that began, ended or changed its state. Undefined stands for one that is over. */
export interface AlertChange extends AlertPlace {
  readonly alert: ActiveAlert | undefined;
}

export interface StoredAlert extends AlertPlace {
  readonly alert: ActiveAlert;
}

type Item = AlertChange | { readonly savedAtMs: number };

export interface AlertStateFileParts {
  readonly files: Files;
  readonly filePath: string;
  readonly log: Logger;
  /** All alerts that exist, for a rewritten file. */
  readonly current: () => Iterable<StoredAlert>;
}

export class AlertStateFile {
  private readonly file: JsonLinesFile<Item>;
  private unsaved = new Map<string, AlertChange>();
  private savedAtMs = 0;
  private hasDocument = false;

  constructor(private readonly parts: AlertStateFileParts) {
    const { files, filePath, log } = parts;
    this.file = new JsonLinesFile({
      files,
      log,
      effect: ALERT_STATES_EFFECT,
      filePath,
      current: () => this.currentItems(),
      encode: encodeItem,
    });
  }

  /** True when a change is not on disk. */
  get isChanged(): boolean {
    return this.unsaved.size > 0;
  }

  /** Empty when there is no file. Damaged lines are skipped, and everything damaged is reported. */
  async read(nowMs: number): Promise<StoredAlert[]> {
    const { records } = await this.file.load(decodeStateItem);
    return records.length > 0 ? latestOf(records, nowMs) : this.readDocument(nowMs);
  }

  note(change: AlertChange): void {
    this.unsaved.set(`${change.group}\n${change.rule}\n${change.key}`, change);
  }

  /** @throws {NotDurableError} the changes are written by the next save */
  async save(nowMs: number): Promise<void> {
    const changes = this.unsaved;
    this.unsaved = new Map();
    this.savedAtMs = nowMs;
    try {
      await this.file.append([{ savedAtMs: nowMs }, ...changes.values()]);
    } catch (error) {
      this.unsaved = new Map([...changes, ...this.unsaved]);
      throw error;
    }
    if (this.hasDocument) await this.parts.files.remove(this.documentPath);
    this.hasDocument = false;
  }

  close(): Promise<void> {
    return this.file.close();
  }

  /** The form of earlier versions: one JSON document, `alert-states.json`. */
  private get documentPath(): string {
    const { dir, name } = path.parse(this.parts.filePath);
    return path.join(dir, `${name}.json`);
  }

  private async readDocument(nowMs: number): Promise<StoredAlert[]> {
    const { files, log } = this.parts;
    const stored = await readStateFile({
      files,
      log,
      filePath: this.documentPath,
      maxBytes: MAX_DOCUMENT_BYTES,
      decode: (text) => decodeDocument(JsonFields.parse(text, "alert states"), nowMs),
      effect: ALERT_STATES_EFFECT,
    });
    for (const alert of stored ?? []) this.note(alert);
    this.hasDocument = stored !== undefined;
    return stored ?? [];
  }

  private *currentItems(): Iterable<Item> {
    yield { savedAtMs: this.savedAtMs };
    yield* bounded([...this.parts.current()]);
  }
}

/** If not all alerts fit, firing ones are kept first. */
function bounded(alerts: readonly StoredAlert[]): readonly StoredAlert[] {
  if (alerts.length <= MAX_STORED_ALERTS) return alerts;
  const order: readonly AlertState[] = ["firing", "pending", "resolved"];
  return order
    .flatMap((state) => alerts.filter(({ alert }) => alert.state === state))
    .slice(0, MAX_STORED_ALERTS);
}

function encodeItem(item: Item): JsonLine {
  if ("savedAtMs" in item) return savedLine(item.savedAtMs);
  const { group, rule, key, alert } = item;
  const id = sha256Hex(`${group}\n${rule}\n${key}`).slice(0, 32);
  const line =
    alert === undefined
      ? { v: RECORD_VERSION, id, alert: null }
      : { v: RECORD_VERSION, id, group, rule, alert: alertToJson(alert) };
  return line;
}

function savedLine(savedAtMs: number): JsonLine {
  const line = { v: RECORD_VERSION, id: SAVED_ID, savedAtMs };
  return line;
}

export function alertToJson(alert: ActiveAlert): unknown {
  return {
    labels: alert.labels.toObject(),
    annotations: alert.annotations.toObject(),
    value: String(alert.value),
    state: alert.state,
    activeAtMs: alert.activeAtMs,
    firedAtMs: alert.firedAtMs ?? null,
    resolvedAtMs: alert.resolvedAtMs ?? null,
    lastSentAtMs: alert.lastSentAtMs ?? null,
    keepFiringSinceMs: alert.keepFiringSinceMs ?? null,
  };
}

interface DecodedItem {
  readonly id: string;
  readonly savedAtMs: number | undefined;
  readonly alert: StoredAlert | undefined;
}

export function decodeStateItem(fields: JsonFields): DecodedItem {
  const id = fields.text("id");
  if (id === SAVED_ID) return { id, savedAtMs: fields.number("savedAtMs"), alert: undefined };
  const alert = fields.nullable("alert", (key) => {
    const decoded = decodeAlert(fields.object(key));
    const place = { group: fields.text("group"), rule: fields.text("rule") };
    return { ...place, key: decoded.labels.key, alert: decoded };
  });
  return { id, savedAtMs: undefined, alert };
}

/** The last line of each alert counts. */
function latestOf(items: readonly DecodedItem[], nowMs: number): StoredAlert[] {
  const latest = new Map<string, StoredAlert>();
  let lastSavedAtMs = 0;
  for (const { id, savedAtMs, alert } of items) {
    if (savedAtMs !== undefined) lastSavedAtMs = savedAtMs;
    else if (alert === undefined) latest.delete(id);
    else latest.set(id, alert);
  }
  return stillValid([...latest.values()], nowMs - lastSavedAtMs);
}

function stillValid(alerts: readonly StoredAlert[], ageMs: number): StoredAlert[] {
  return alerts.filter(({ alert }) => alert.state !== "pending" || ageMs <= PENDING_TOLERANCE_MS);
}

export function decodeDocument(fields: JsonFields, nowMs: number): StoredAlert[] {
  fields.version(DOCUMENT_VERSION);
  const ageMs = nowMs - fields.number("savedAtMs");
  const alerts = fields.objects("rules").flatMap((rule): StoredAlert[] => {
    const place = { group: rule.text("group"), rule: rule.text("rule") };
    return rule.objects("alerts").map((alertFields) => {
      const alert = decodeAlert(alertFields);
      return { ...place, key: alert.labels.key, alert };
    });
  });
  return stillValid(alerts, ageMs);
}

/** @throws {BadJsonError} */
export function decodeAlert(fields: JsonFields): ActiveAlert {
  const optionalTime = (name: string): number | undefined =>
    fields.nullable(name, (key) => fields.number(key));
  return {
    labels: fields.labels("labels"),
    annotations: fields.labels("annotations"),
    value: Number(fields.text("value")),
    state: fields.oneOf("state", STATES),
    unknown: false,
    activeAtMs: fields.number("activeAtMs"),
    firedAtMs: optionalTime("firedAtMs"),
    resolvedAtMs: optionalTime("resolvedAtMs"),
    lastSentAtMs: optionalTime("lastSentAtMs"),
    keepFiringSinceMs: optionalTime("keepFiringSinceMs"),
  };
}
