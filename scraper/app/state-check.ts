/** Checks the state beside samples in a data folder, for `pihealth check data`. It changes nothing. */
import path from "node:path";
import { JsonFields } from "../../exporter/shared/codec/json-fields.js";
import { isPermissionError, messageOf } from "../../exporter/shared/model/errors.js";
import type { FileEntry, Files } from "../../exporter/shared/platform/files.js";
import { nameBeforeAside } from "../../exporter/shared/platform/move-aside.js";
import { readOwnFile } from "../../exporter/shared/platform/state-file.js";
import { decodeAlarm } from "../alerting/alerts/alarm-journal.js";
import { checkJsonLines, MAX_FILE_BYTES } from "../alerting/alerts/json-lines-file.js";
import { decodeNotificationRecord } from "../alerting/alerts/notification-log.js";
import { decodeSilence } from "../alerting/alerts/silences.js";
import { MAX_MESSAGE_BYTES } from "../alerting/delivery/message-files.js";
import { decodeOutboxMessage } from "../alerting/messages/outbox-message.js";
import { decodeGapFile, GAP_FILE, MAX_GAP_FILE_BYTES } from "../backfill/gap-file.js";
import { decodeFleetFacts, decodeHostFacts } from "../fleet/host-facts.js";
import { FLEET_FILE, MAX_FACTS_BYTES, MAX_FLEET_BYTES } from "../fleet/host-files.js";
import { HOSTS_FOLDER } from "../fleet/host-folder.js";
import { canonicalAddress } from "../fleet/ip-address.js";
import { groupByFamily, MAX_PENDING_BYTES } from "../host-logs/filled-log.js";
import { LOG_FOLDER } from "../host-logs/host-logs.js";
import { decodeOwner, OWNER_FILE } from "../host-logs/log-owners.js";
import { decodeHistoryEntry } from "../rule-engine/evaluation/alert-history.js";
import {
  decodeDocument,
  decodeStateItem,
  MAX_DOCUMENT_BYTES,
} from "../rule-engine/evaluation/alert-state-file.js";
import { decodeRecovery, MAX_RECOVERY_BYTES } from "../rule-engine/replay/recovery-file.js";
import type { DataProblem } from "../storage/data-check.js";
import { JOURNAL_FOLDER } from "../storage/model/data-folder.js";
import { ALERTING_FOLDER, RULES_FOLDER } from "./state-folders.js";

interface StateCheck {
  readonly maxBytes: number;
  /** Throws when the content is not what the scraper writes. */
  readonly check: (content: Buffer, filePath: string) => unknown;
}

const asText = (maxBytes: number, check: (text: string) => unknown): StateCheck => ({
  maxBytes,
  check: (content) => check(content.toString("utf8")),
});
const asLines = (decode: (fields: JsonFields) => unknown): StateCheck => ({
  maxBytes: MAX_FILE_BYTES,
  check: (content, filePath) => checkJsonLines(content, filePath, decode),
});

/** Every state file, by a pattern of its path in the data folder. */
const STATE_FILES: readonly (readonly [RegExp, StateCheck])[] = [
  [new RegExp(`^${FLEET_FILE}$`), asText(MAX_FLEET_BYTES, decodeFleetFacts)],
  [/^hosts\/[^/]+\/host\.json$/, asText(MAX_FACTS_BYTES, decodeHostFacts)],
  [new RegExp(`^hosts/[^/]+/${GAP_FILE}$`), asText(MAX_GAP_FILE_BYTES, decodeGapFile)],
  [new RegExp(`^hosts/[^/]+/${LOG_FOLDER}/${OWNER_FILE}$`), asText(1024, decodeOwner)],
  [/^hosts\/[^/]+\/log\/filled[^/]*\.pending$/, asText(MAX_PENDING_BYTES, groupByFamily)],
  [/^rules\/alert-states\.jsonl$/, asLines(decodeStateItem)],
  [
    /^rules\/alert-states\.json$/,
    asText(MAX_DOCUMENT_BYTES, (text) => decodeDocument(JsonFields.parse(text, "alert states"), 0)),
  ],
  [/^rules\/alert-history\.jsonl$/, asLines(decodeHistoryEntry)],
  [/^rules\/recovery\.json$/, asText(MAX_RECOVERY_BYTES, decodeRecovery)],
  [/^alerting\/silences\.jsonl$/, asLines(decodeSilence)],
  [/^alerting\/notification-log\.jsonl$/, asLines(decodeNotificationRecord)],
  [/^alerting\/alarms\.jsonl$/, asLines(decodeAlarm)],
  [/^alerting\/outbox\/[^/]+\.json$/, asText(MAX_MESSAGE_BYTES, decodeOutboxMessage)],
];

export interface StateReport {
  readonly problems: readonly DataProblem[];
  /** What an earlier start moved aside. */
  readonly notes: readonly string[];
}

export function checkState(folder: string, files: Files): Promise<StateReport> {
  return new StateChecker(folder, files).run();
}

class StateChecker {
  private readonly problems: DataProblem[] = [];
  private readonly notes: string[] = [];

  constructor(
    private readonly folder: string,
    private readonly files: Files,
  ) {}

  async run(): Promise<StateReport> {
    await this.checkFolder("", [JOURNAL_FOLDER, HOSTS_FOLDER, RULES_FOLDER, ALERTING_FOLDER]);
    await this.checkFolder(RULES_FOLDER);
    await this.checkFolder(ALERTING_FOLDER, ["outbox"]);
    await this.checkFolder(`${ALERTING_FOLDER}/outbox`, ["rejected"]);
    await this.checkFolder(`${ALERTING_FOLDER}/outbox/rejected`);
    const hosts = await this.checkFolder(HOSTS_FOLDER);
    for (const { name, isFolder } of hosts) {
      const host = `${HOSTS_FOLDER}/${name}`;
      if (!isFolder && canonicalAddress(name) !== undefined) await this.requireFolder(host);
      if (!isFolder) continue;
      await this.checkFolder(host, [LOG_FOLDER, "blocks"]);
      await this.checkFolder(`${host}/${LOG_FOLDER}`);
    }
    return { problems: this.problems, notes: this.notes };
  }

  /** @param subfolders names in the folder that must be folders where they exist */
  private async checkFolder(
    inData: string,
    subfolders: readonly string[] = [],
  ): Promise<readonly FileEntry[]> {
    const full = path.join(this.folder, inData);
    let entries: readonly FileEntry[];
    try {
      if ((await this.files.facts(full))?.isFolder !== true) return [];
      entries = await this.files.list(full);
    } catch (error) {
      this.note(inData, error);
      return [];
    }
    for (const { name, isFolder } of entries) {
      const file = inData === "" ? name : `${inData}/${name}`;
      if (subfolders.includes(name) && !isFolder) await this.requireFolder(file);
      else await this.checkEntry(file, name);
    }
    return entries;
  }

  private async checkEntry(file: string, name: string): Promise<void> {
    const before = nameBeforeAside(name) ?? /^(.+)\.damaged$/.exec(name)?.[1];
    if (before !== undefined) {
      const shown = path.join(this.folder, file);
      this.notes.push(`${shown}: moved aside because it could not be used as ${before}`);
      return;
    }
    const found = STATE_FILES.find(([pattern]) => pattern.test(file))?.[1];
    if (found === undefined) return;
    const full = path.join(this.folder, file);
    try {
      const content = await readOwnFile(this.files, full, found.maxBytes);
      if (content !== undefined) found.check(content, full);
    } catch (error) {
      this.note(file, error);
    }
  }

  private async requireFolder(file: string): Promise<void> {
    try {
      const facts = await this.files.facts(path.join(this.folder, file));
      if (facts?.isFolder === true) return;
      const found = facts === undefined ? "a link to nothing" : "not a folder";
      this.note(file, new Error(`it is ${found}, it must be a folder`));
    } catch (error) {
      this.note(file, error);
    }
  }

  private note(inData: string, error: unknown): void {
    this.problems.push({
      kind: isPermissionError(error) ? "no_permission" : "damaged",
      path: path.join(this.folder, inData),
      offsetBytes: 0,
      detail: messageOf(error),
    });
  }
}
