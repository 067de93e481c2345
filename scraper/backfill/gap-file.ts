import { GAP_CAUSES, type Gap, type GapCause } from "./gap.js";
import { type BootClockEntry, type ClockStretch, MAX_STRETCHES } from "./boot-clocks.js";
import { MAX_CLOSED_GAPS, type MissingRange, type StoredGaps } from "./target-gaps.js";
import { MAX_RANGES } from "./time-ranges.js";

/** See gaps.format.md. */
export const GAP_FILE = "gaps.json";
export const MAX_GAP_FILE_BYTES = 4 * 1024 * 1024;
const VERSION = 1;
const MAX_TARGETS = 1000;

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

/** Undefined when the text is anything but a file of gaps. */
export function decodeGapFile(text: string): GapFile | undefined {
  try {
    return readFile(JSON.parse(text));
  } catch {
    return undefined; // Torn or edited by hand; the caller says so.
  }
}

class NotAGapFile extends Error {}

function readFile(value: unknown): GapFile {
  const body = objectOf(value);
  if (body["version"] !== VERSION) throw new NotAGapFile();
  const boots = listOf(body["boots"], 1000).map(readBoot);
  return {
    writtenMs: timeOf(body["written_ms"]),
    targets: listOf(body["targets"], MAX_TARGETS).map(readTarget),
    boots,
  };
}

/** Before stretches were kept, one time stood for the whole boot. */
function readBoot(entry: unknown): BootClockEntry {
  const [bootId, clock] = listOf(entry, 2);
  if (typeof bootId !== "string") throw new NotAGapFile();
  if (typeof clock === "number")
    return [bootId, [{ fromMs: 0, untilMs: 0, zeroMs: timeOf(clock) }]];
  const stretches = listOf(clock, MAX_STRETCHES).map((stretch): ClockStretch => {
    const [fromMs, untilMs, zeroMs] = listOf(stretch, 3).map(timeOf) as [number, number, number];
    return { fromMs, untilMs, zeroMs: timeOf(zeroMs) };
  });
  return [bootId, stretches];
}

function readTarget(value: unknown): StoredTarget {
  const body = objectOf(value);
  const labels = objectOf(body["labels"]);
  if (!Object.values(labels).every((label) => typeof label === "string")) throw new NotAGapFile();
  const nodeId = body["node_id"] ?? undefined;
  if (nodeId !== undefined && typeof nodeId !== "string") throw new NotAGapFile();
  return {
    labels: labels as Record<string, string>,
    nodeId,
    ongoingFromMs: body["ongoing_from_ms"] === null ? undefined : timeOf(body["ongoing_from_ms"]),
    missing: listOf(body["missing"], MAX_RANGES).map(readMissing),
    closed: listOf(body["closed"], MAX_CLOSED_GAPS).map(readClosed),
  };
}

function readMissing(value: unknown): MissingRange {
  const [from, until, cause] = listOf(value, 4);
  const range = { fromMs: timeOf(from), untilMs: timeOf(until), cause: cause as GapCause };
  if (range.untilMs < range.fromMs || !GAP_CAUSES.includes(range.cause)) throw new NotAGapFile();
  return range;
}

function readClosed(value: unknown): Gap {
  const state = listOf(value, 4)[3];
  if (state !== "filled" && state !== "lost") throw new NotAGapFile();
  return { ...readMissing(value), state };
}

function objectOf(value: unknown): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new NotAGapFile();
  return value as Record<string, unknown>;
}

function listOf(value: unknown, maxLength: number): unknown[] {
  if (!Array.isArray(value) || value.length > maxLength) throw new NotAGapFile();
  return value;
}

function timeOf(value: unknown): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value)) throw new NotAGapFile();
  return value;
}
