/** Keeps alert states across restarts. The format is in alert-states.format.md. */
import { dirname } from "node:path";
import path from "node:path";
import { JsonFields } from "../../../exporter/shared/codec/json-fields.js";
import { codeOf, messageOf } from "../../../exporter/shared/model/errors.js";
import type { Files } from "../../../exporter/shared/platform/files.js";
import type { Logger } from "../../../exporter/shared/platform/logger.js";
import type { ActiveAlert, AlertState } from "./active-alert.js";

const VERSION = 1;
export const MAX_STORED_ALERTS = 50_000;
const MAX_FILE_BYTES = 64 * 1_048_576;
/** Pending alerts from an older file are discarded. */
export const PENDING_TOLERANCE_MS = 3_600_000;
const STATES: readonly AlertState[] = ["pending", "firing", "resolved"];

/** Alerts of one rule. The names are those of `groupKeyOf` and `ruleIdentityOf`. */
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

  /** Empty when there is no file. A damaged file is renamed and reported. */
  async read(nowMs: number): Promise<StoredRule[]> {
    try {
      const facts = await this.files.facts(this.filePath);
      if (facts === undefined) return [];
      if (facts.sizeBytes > MAX_FILE_BYTES) {
        throw new Error(`it is larger than ${MAX_FILE_BYTES} bytes`);
      }
      const text = await this.files.readText(this.filePath);
      return decodeStates(JsonFields.parse(text, "alert states"), nowMs);
    } catch (error) {
      this.log.error("Cannot read alert states: starting without them", {
        path: this.filePath,
        error: messageOf(error),
      });
      await this.setAside();
      return [];
    }
  }

  /** @throws the system's error */
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
        this.log.warn("Cannot rename the damaged file of alert states", {
          path: this.filePath,
          error: messageOf(error),
        });
      }
    }
  }
}

/** If not all alerts fit, firing ones are kept first. */
function bounded(rules: readonly StoredRule[]): StoredRule[] {
  let room = MAX_STORED_ALERTS;
  const kept = rules.map((rule) => ({ ...rule, alerts: new Array<ActiveAlert>() }));
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

function decodeStates(fields: JsonFields, nowMs: number): StoredRule[] {
  fields.version(VERSION);
  const ageMs = nowMs - fields.number("savedAtMs");
  return fields.objects("rules").map((rule) => {
    const alerts = rule.objects("alerts").map(decodeAlert);
    return {
      group: rule.text("group"),
      rule: rule.text("rule"),
      alerts: alerts.filter(({ state }) => state !== "pending" || ageMs <= PENDING_TOLERANCE_MS),
    };
  });
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
