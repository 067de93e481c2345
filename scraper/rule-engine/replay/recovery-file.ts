/** The progress of a recovery. The format is in recovery.format.md. */
import path from "node:path";
import { JsonFields } from "../../../exporter/shared/codec/json-fields.js";
import type { TimeRange } from "../../../exporter/shared/model/time-range.js";
import type { Files } from "../../../exporter/shared/platform/files.js";
import type { Logger } from "../../../exporter/shared/platform/logger.js";
import { readStateFile } from "../../../exporter/shared/platform/state-file.js";
import type { PastAlert } from "../../alerting/alerts/past-alert.js";
import { alertToJson, decodeAlert } from "../evaluation/alert-state-file.js";
import type { StoredReplayRule } from "./rule-replay.js";

const VERSION = 1;
export const MAX_RECOVERY_BYTES = 64 * 1_048_576;

/** Filled ranges that are evaluated together. */
export interface GatheredRanges {
  /** Disjoint, ascending. */
  readonly ranges: readonly TimeRange[];
  /** The reasons for which samples were missing. */
  readonly causes: readonly ("master_down" | "link_down")[];
  /**
   * From the first to the last filled time of targets that were known before; undefined when there
   * is none.
   */
  readonly outage: TimeRange | undefined;
  /** Time until which each new target was unknown, by `job instance`. */
  readonly newTargets: ReadonlyMap<string, number>;
}

export interface RecoveryState extends GatheredRanges {
  readonly id: string;
  /** Time up to which rules were evaluated; undefined before the first range. */
  readonly cursorMs: number | undefined;
  /** Index of the range in progress. */
  readonly rangeIndex: number;
  readonly rules: readonly StoredReplayRule[];
  readonly found: readonly FoundAlert[];
  /** Number of alerts beyond the bound. */
  readonly omitted: number;
  /** True when the evaluation is complete and only the notification is left. */
  readonly isEvaluated: boolean;
}

export interface FoundAlert extends PastAlert {
  /** False for alerts that appear only in the history, not in the summary. */
  readonly isNotified: boolean;
}

export interface RecoveryFileContent {
  readonly gathered: GatheredRanges | undefined;
  readonly current: RecoveryState | undefined;
}

export class RecoveryFile {
  constructor(
    private readonly files: Files,
    private readonly filePath: string,
    private readonly log: Logger,
  ) {}

  /** Empty when there is no file. A file that cannot be used is moved aside and logged. */
  async read(): Promise<RecoveryFileContent> {
    const content = await readStateFile({
      files: this.files,
      log: this.log,
      filePath: this.filePath,
      maxBytes: MAX_RECOVERY_BYTES,
      decode: decodeRecovery,
      effect: "rules are not evaluated over the ranges that were filled before",
    });
    return content ?? { gathered: undefined, current: undefined };
  }

  /** @throws the system's error */
  async write({ gathered, current }: RecoveryFileContent): Promise<void> {
    const content = {
      version: VERSION,
      gathered: gathered === undefined ? null : encodeGathered(gathered),
      current: current === undefined ? null : encodeState(current),
    };
    await this.files.makeFolder(path.dirname(this.filePath));
    await this.files.replace(this.filePath, `${JSON.stringify(content)}\n`);
  }
}

const encodeRange = ({ fromMs, untilMs }: TimeRange): unknown => [fromMs, untilMs];

function encodeGathered({ ranges, causes, outage, newTargets }: GatheredRanges): object {
  return {
    ranges: ranges.map(encodeRange),
    causes,
    told: outage === undefined ? null : encodeRange(outage),
    newcomers: [...newTargets],
  };
}

function encodeState(state: RecoveryState): object {
  const { id, cursorMs, rangeIndex, rules, found, omitted, isEvaluated } = state;
  return {
    ...encodeGathered(state),
    id,
    rangeIndex,
    omitted,
    isEvaluated,
    cursorMs: cursorMs ?? null,
    rules: rules.map(({ group, rule, alerts, worst }) => ({
      group,
      rule,
      alerts: alerts.map(alertToJson),
      worst: alerts.map(({ labels }) => String(worst.get(labels.key) ?? Number.NaN)),
    })),
    found: found.map(({ labels, annotations, worst, endedAtMs, isNotified, ...rest }) => ({
      ...rest,
      isTold: isNotified,
      labels: labels.toObject(),
      annotations: annotations.toObject(),
      worst: String(worst),
      endedAtMs: endedAtMs ?? null,
    })),
  };
}

/** @throws {BadJsonError} */
export function decodeRecovery(text: string): RecoveryFileContent {
  const fields = JsonFields.parse(text, "recovery");
  fields.version(VERSION);
  return {
    gathered: fields.nullable("gathered", (key) => decodeGathered(fields.object(key))),
    current: fields.nullable("current", (key) => decodeState(fields.object(key))),
  };
}

function decodeGathered(fields: JsonFields): GatheredRanges {
  return {
    ranges: fields.lists("ranges").map(decodeRange),
    causes: fields
      .texts("causes")
      .map((cause) => (cause === "link_down" ? "link_down" : "master_down")),
    outage: fields.nullable("told", (key) => decodeRange(fields.list(key))),
    newTargets: new Map(fields.lists("newcomers").map(decodeNewTarget)),
  };
}

function decodeRange(range: JsonFields): TimeRange {
  return { fromMs: range.number(0), untilMs: range.number(1) };
}

function decodeNewTarget(target: JsonFields): [string, number] {
  return [target.text(0), target.number(1)];
}

function decodeState(fields: JsonFields): RecoveryState {
  return {
    ...decodeGathered(fields),
    id: fields.text("id"),
    rangeIndex: fields.number("rangeIndex"),
    omitted: fields.number("omitted"),
    isEvaluated: fields.boolean("isEvaluated"),
    cursorMs: fields.nullable("cursorMs", (key) => fields.number(key)),
    rules: fields.objects("rules").map(decodeRule),
    found: fields.objects("found").map(decodeFound),
  };
}

function decodeRule(fields: JsonFields): StoredReplayRule {
  const alerts = fields.objects("alerts").map(decodeAlert);
  const worst = fields.texts("worst").map(Number);
  const known = alerts.flatMap(({ labels }, index): [string, number][] => {
    const value = worst[index] ?? Number.NaN;
    return Number.isNaN(value) ? [] : [[labels.key, value]];
  });
  return { group: fields.text("group"), rule: fields.text("rule"), alerts, worst: new Map(known) };
}

function decodeFound(fields: JsonFields): FoundAlert {
  return {
    labels: fields.labels("labels"),
    annotations: fields.labels("annotations"),
    generatorUrl: fields.text("generatorUrl"),
    activeAtMs: fields.number("activeAtMs"),
    firedAtMs: fields.number("firedAtMs"),
    endedAtMs: fields.nullable("endedAtMs", (key) => fields.number(key)),
    times: fields.number("times"),
    worst: Number(fields.text("worst")),
    isNotified: fields.boolean("isTold"),
  };
}
