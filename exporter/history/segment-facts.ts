import { createHash } from "node:crypto";
import { memberHeaderOf, type MemberHeader } from "../shared/codec/history/member-text.js";
import { readSegment } from "../shared/codec/history/segment-reader.js";
import { yieldToEventLoop } from "../shared/platform/clock.js";
import type { Files } from "../shared/platform/files.js";

/** Facts about a segment that need no reading. */
export interface StoredSegment {
  readonly name: string;
  readonly folder: string;
  readonly startMs: number;
  sizeBytes: number;
}

/** Facts about a segment from its content. */
export interface SegmentFacts {
  readonly bootId: string;
  /** Times of the first and the last sample, both included. */
  readonly fromMs: number;
  readonly lastMs: number;
  /** Time of the last sample since boot, by a clock that cannot be set. */
  readonly lastBootMs: number;
  /** In hexadecimal. */
  readonly sha256: string;
}

type MemberFacts = Omit<SegmentFacts, "sha256">;

export interface SegmentCheck {
  /** Facts of the whole members; undefined when there is none. */
  readonly facts: SegmentFacts | undefined;
  /** Bytes of all whole members. */
  readonly wholeBytes: number;
  /** True when a whole member follows a damaged part. */
  readonly isDamagedInside: boolean;
}

/**
 * Reads a whole segment, and lets other work run after every member.
 *
 * @param onWhole receives every valid member
 */
export async function checkSegment(
  files: Files,
  filePath: string,
  sizeBytes: number,
  onWhole: (member: Uint8Array) => void = () => undefined,
): Promise<SegmentCheck> {
  const hash = createHash("sha256");
  let joined: MemberFacts | undefined;
  let wholeBytes = 0;
  let hasDamage = false;
  let isDamagedInside = false;
  const file = await files.openRead(filePath);
  try {
    for await (const { bytes, text } of readSegment(file, Math.min(sizeBytes, file.sizeBytes))) {
      const facts = text === undefined ? undefined : factsOfMember(text);
      if (facts === undefined) {
        hasDamage = true;
        continue;
      }
      isDamagedInside ||= hasDamage;
      wholeBytes += bytes.length;
      onWhole(bytes);
      hash.update(bytes);
      joined = joinFacts(joined, facts);
      await yieldToEventLoop();
    }
  } finally {
    await file.close();
  }
  const facts = joined === undefined ? undefined : { ...joined, sha256: hash.digest("hex") };
  return { facts, wholeBytes, isDamagedInside };
}

export function joinFacts(before: MemberFacts | undefined, added: MemberFacts): MemberFacts {
  if (before === undefined) return added;
  return {
    bootId: before.bootId,
    fromMs: Math.min(before.fromMs, added.fromMs),
    lastMs: Math.max(before.lastMs, added.lastMs),
    lastBootMs: Math.max(before.lastBootMs, added.lastBootMs),
  };
}

/** Undefined when the text is not a member of a history, or has no sample. */
function factsOfMember(text: string): MemberFacts | undefined {
  const header = memberHeaderOf(text);
  if (header === undefined) return undefined;
  let fromMs = Number.POSITIVE_INFINITY;
  let lastMs = Number.NEGATIVE_INFINITY;
  for (let start = 0; start < text.length;) {
    const found = text.indexOf("\n", start);
    const end = found < 0 ? text.length : found;
    if (text[start] !== "#") {
      const timestampMs = Number(text.slice(text.lastIndexOf(" ", end - 1) + 1, end));
      if (!Number.isSafeInteger(timestampMs)) return undefined;
      fromMs = Math.min(fromMs, timestampMs);
      lastMs = Math.max(lastMs, timestampMs);
    }
    start = end + 1;
  }
  if (lastMs < fromMs) return undefined;
  return memberFacts(header, { fromMs, lastMs });
}

export function memberFacts(
  { bootId, wallMs, monotonicMs }: MemberHeader,
  { fromMs, lastMs }: { readonly fromMs: number; readonly lastMs: number },
): MemberFacts {
  return { bootId, fromMs, lastMs, lastBootMs: lastMs - (wallMs - monotonicMs) };
}

/**
 * The least time since the last sample of the oldest segment, in milliseconds, by clocks that
 * cannot be set: the rest of its boot, all boots that recorded something since then, and the
 * current boot. Time without power is unknown and not counted.
 *
 * @param segments oldest first
 */
export function certainAgeMs(
  segments: readonly SegmentFacts[],
  now: { readonly bootId: string; readonly monotonicMs: number },
): number {
  const [oldest] = segments;
  if (oldest === undefined) return 0;
  const lengthMs = new Map<string, number>();
  for (const { bootId, lastBootMs } of segments) {
    lengthMs.set(bootId, Math.max(lengthMs.get(bootId) ?? 0, lastBootMs));
  }
  lengthMs.set(now.bootId, now.monotonicMs);
  return [...lengthMs.values()].reduce((sum, length) => sum + length, 0) - oldest.lastBootMs;
}
