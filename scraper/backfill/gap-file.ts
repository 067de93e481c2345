import { JsonFields } from "../../exporter/shared/codec/json-fields.js";
import { GAP_CAUSES, type Gap } from "./gap.js";
import { type BootClockEntry, type ClockStretch, MAX_STRETCHES } from "./boot-clocks.js";
import { MAX_CLOSED_GAPS, type MissingRange, type StoredGaps } from "./target-gaps.js";
import { MAX_RANGES } from "./time-ranges.js";

/** Name of the gaps file in a host folder. See gaps.format.md. */
export const GAP_FILE = "gaps.json";
export const MAX_GAP_FILE_BYTES = 4 * 1024 * 1024;
const VERSION = 1;
const MAX_TARGETS = 1000;
const MAX_BOOTS = 1000;

export interface StoredTarget extends Omit<StoredGaps, "knownUntilMs"> {
  readonly labels: Readonly<Record<string, string>>;
}

export interface GapFile {
  readonly writtenMs: number;
  readonly targets: readonly StoredTarget[];
  readonly boots: readonly BootClockEntry[];
}

export function encodeGapFile({ writtenMs, targets, boots }: GapFile): string {
  return JSON.stringify({
    version: VERSION,
    written_ms: writtenMs,
    targets: targets
      .slice(0, MAX_TARGETS)
      .map(({ labels, nodeId, ongoingFromMs, missing, closed }) => ({
        labels,
        node_id: nodeId ?? null,
        ongoing_from_ms: ongoingFromMs ?? null,
        missing: missing.map(({ fromMs, untilMs, cause }) => [fromMs, untilMs, cause]),
        closed: closed.map(({ fromMs, untilMs, cause, state }) => [fromMs, untilMs, cause, state]),
      })),
    boots: boots.map(([bootId, stretches]) => {
      return [bootId, stretches.map(({ fromMs, untilMs, zeroMs }) => [fromMs, untilMs, zeroMs])];
    }),
  });
}

/** @throws {BadJsonError} */
export function decodeGapFile(text: string): GapFile {
  const fields = JsonFields.parse(text, "gaps");
  fields.version(VERSION);
  return {
    writtenMs: fields.integer("written_ms"),
    targets: fields.objects("targets", { maxLength: MAX_TARGETS }).map(decodeTarget),
    boots: fields.lists("boots", { maxLength: MAX_BOOTS }).map(decodeBoot),
  };
}

function decodeTarget(fields: JsonFields): StoredTarget {
  return {
    labels: fields.textMap("labels"),
    nodeId: fields.optional("node_id", (key) => fields.text(key)),
    ongoingFromMs: fields.nullable("ongoing_from_ms", (key) => fields.integer(key)),
    missing: fields.lists("missing", { maxLength: MAX_RANGES }).map(decodeMissing),
    closed: fields.lists("closed", { maxLength: MAX_CLOSED_GAPS }).map(decodeClosed),
  };
}

function decodeMissing(range: JsonFields): MissingRange {
  const fromMs = range.integer(0);
  return { fromMs, untilMs: range.integer(1, { min: fromMs }), cause: range.oneOf(2, GAP_CAUSES) };
}

function decodeClosed(gap: JsonFields): Gap {
  return { ...decodeMissing(gap), state: gap.oneOf(3, ["filled", "lost"]) };
}

/** Earlier versions wrote one time for the whole boot in place of the stretches. */
function decodeBoot(boot: JsonFields): BootClockEntry {
  const bootId = boot.text(0);
  if (boot.typeOf(1) === "number") {
    return [bootId, [{ fromMs: 0, untilMs: 0, zeroMs: boot.integer(1) }]];
  }
  return [bootId, boot.lists(1, { maxLength: MAX_STRETCHES }).map(decodeStretch)];
}

function decodeStretch(stretch: JsonFields): ClockStretch {
  return { fromMs: stretch.integer(0), untilMs: stretch.integer(1), zeroMs: stretch.integer(2) };
}
