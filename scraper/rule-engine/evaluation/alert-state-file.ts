/** Alert states across restarts. The format is in alert-states.format.md. */
import { dirname } from "node:path";
import path from "node:path";
import { codeOf, messageOf } from "../../../exporter/shared/model/errors.js";
import { Labels } from "../../../exporter/shared/model/labels.js";
import type { Files } from "../../../exporter/shared/platform/files.js";
import type { Logger } from "../../../exporter/shared/platform/logger.js";
import type { ActiveAlert, AlertState } from "./active-alert.js";

const VERSION = 1;
export const MAX_STORED_ALERTS = 50_000;
const MAX_FILE_BYTES = 64 * 1_048_576;
/** Beyond this a pending alert of the file says nothing any more. */
export const PENDING_TOLERANCE_MS = 3_600_000;
const STATES: readonly AlertState[] = ["pending", "firing", "resolved"];

/** Alerts of one rule, which is named as in `groupKeyOf` and `ruleIdentityOf`. */
export interface StoredRule {
  readonly group: string;
  readonly rule: string;
  readonly alerts: readonly ActiveAlert[];
}

export class AlertStateFile {
  constructor(
    private readonly files: Files,
    private readonly filePath: string,
    private readonly log: Logger,
  ) {}

  /** Nothing when there is no file yet; a damaged one is set aside and reported. */
  async read(nowMs: number): Promise<StoredRule[]> {
    try {
      const facts = await this.files.facts(this.filePath);
      if (facts === undefined) return [];
      if (facts.sizeBytes > MAX_FILE_BYTES) {
        throw new Error(`it is larger than ${MAX_FILE_BYTES} bytes`);
      }
      return parseStates(JSON.parse(await this.files.readText(this.filePath)), nowMs);
    } catch (error) {
      this.log.error("Cannot read alert states: starting without", {
        path: this.filePath,
        error: messageOf(error),
      });
      await this.setAside();
      return [];
    }
  }

  /** @throws the system's error when the disk refuses */
  async write(rules: readonly StoredRule[], nowMs: number): Promise<void> {
    const content = JSON.stringify({
      version: VERSION,
      savedAtMs: nowMs,
      rules: bounded(rules).map(toJson),
    });
    await this.files.makeFolder(dirname(this.filePath));
    await this.files.makeFolder(path.dirname(this.filePath));
    await this.files.replace(this.filePath, `${content}\n`);
  }

  private async setAside(): Promise<void> {
    try {
      await this.files.rename(this.filePath, `${this.filePath}.damaged`);
    } catch (error) {
      if (codeOf(error) !== "ENOENT") {
        this.log.warn("Cannot set damaged alert states aside", {
          path: this.filePath,
          error: messageOf(error),
        });
      }
    }
  }
}

/** Firing alerts come first where not all fit. */
function bounded(rules: readonly StoredRule[]): StoredRule[] {
  let room = MAX_STORED_ALERTS;
  const kept = rules.map((rule) => ({ ...rule, alerts: [] as ActiveAlert[] }));
  for (const state of ["firing", "pending", "resolved"]) {
    rules.forEach(({ alerts }, index) => {
      const taken = alerts.filter((alert) => alert.state === state).slice(0, room);
      room -= taken.length;
      kept[index]?.alerts.push(...taken);
    });
  }
  return kept.filter(({ alerts }) => alerts.length > 0);
}

function toJson({ group, rule, alerts }: StoredRule): unknown {
  return {
    group,
    rule,
    alerts: alerts.map(alertToJson),
  };
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

function parseStates(content: unknown, nowMs: number): StoredRule[] {
  const { version, savedAtMs, rules } = objectOf(content);
  if (version !== VERSION) {
    throw new Error(`it has version ${String(version)}, it must be ${VERSION}`);
  }
  const age = nowMs - timeOf(savedAtMs);
  return listOf(rules).map((entry) => {
    const { group, rule, alerts } = objectOf(entry);
    const parsed = listOf(alerts).map(parseAlert);
    const kept = parsed.filter(({ state }) => state !== "pending" || age <= PENDING_TOLERANCE_MS);
    return { group: textOf(group), rule: textOf(rule), alerts: kept };
  });
}

/** @throws when the entry is not an alert */
export function parseAlert(entry: unknown): ActiveAlert {
  const fields = objectOf(entry);
  const state = STATES.find((candidate) => candidate === fields["state"]);
  if (state === undefined) {
    throw new Error(`state is ${String(fields["state"])}, it must be one of ${STATES.join(", ")}`);
  }
  return {
    labels: Labels.of(textsOf(fields["labels"])),
    annotations: Labels.of(textsOf(fields["annotations"])),
    value: Number(textOf(fields["value"])),
    state,
    unknown: false,
    activeAtMs: timeOf(fields["activeAtMs"]),
    firedAtMs: optionalTimeOf(fields["firedAtMs"]),
    resolvedAtMs: optionalTimeOf(fields["resolvedAtMs"]),
    lastSentAtMs: optionalTimeOf(fields["lastSentAtMs"]),
    keepFiringSinceMs: optionalTimeOf(fields["keepFiringSinceMs"]),
  };
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw new Error(`a mapping is expected where ${typeof value} stands`);
}

function listOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new Error(`a list is expected where ${typeof value} stands`);
}

function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  throw new Error(`a text is expected where ${typeof value} stands`);
}

function textsOf(value: unknown): Record<string, string> {
  return Object.fromEntries(
    Object.entries(objectOf(value)).map(([name, text]) => [name, textOf(text)]),
  );
}

function timeOf(value: unknown): number {
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw new Error(`a time is expected where ${typeof value} stands`);
}

const optionalTimeOf = (value: unknown): number | undefined =>
  value === null ? undefined : timeOf(value);
