import { createHash } from "node:crypto";
import { encodeMember } from "../../exporter/shared/codec/history/gzip-member.js";
import { formatMemberHeader } from "../../exporter/shared/codec/history/member-text.js";
import { formatSegmentName } from "../../exporter/shared/codec/history/segment-name.js";
import type { HistorySegment } from "../../exporter/shared/protocol/history.js";

const HOUR_MS = 3_600_000;
export const SIMULATED_BOOT = "0aa6a5fb-23fd-4ee4-8b5f-63f4cd2bd9f2";

/** Families of default size: series and seconds between samplings. */
const FAMILIES = [
  { name: "memory", series: 10, seconds: 5 },
  { name: "cpu", series: 60, seconds: 5 },
  { name: "processes", series: 20, seconds: 30 },
  { name: "disk", series: 60, seconds: 60 },
  { name: "system", series: 20, seconds: 60 },
  { name: "users", series: 8, seconds: 60 },
] as const;

export interface SimulatedSegment {
  readonly listing: HistorySegment;
  readonly bytes: Buffer;
}

/** The history of a Pi that was switched on at `fromMs` and has run for a day. */
export function simulateDay(fromMs: number): SimulatedSegment[] {
  return Array.from({ length: 24 }, (_, hour) => {
    const startMs = fromMs + hour * HOUR_MS;
    const members: Buffer[] = [];
    for (let minute = 0; minute < 60; minute++)
      members.push(simulateMinute(startMs + minute * 60_000, fromMs));
    const bytes = Buffer.concat(members);
    const listing = {
      name: formatSegmentName({ sequence: hour + 1, startMs }),
      fromMs: startMs,
      lastMs: startMs + HOUR_MS - 5000,
      bytes: bytes.length,
      sha256: createHash("sha256").update(bytes).digest("hex"),
      open: hour === 23,
      bootId: SIMULATED_BOOT,
    };
    return { listing, bytes };
  });
}

/** `/metrics` of such a Pi. */
export function simulatedBody(timeMs: number, bootMs: number): string {
  return FAMILIES.map((family) =>
    familyLines(family, timeMs, bootMs)
      .map((line) => `${line}\n`)
      .join(""),
  ).join("");
}

function simulateMinute(startMs: number, bootMs: number): Buffer {
  const lines = [
    formatMemberHeader({ bootId: SIMULATED_BOOT, monotonicMs: startMs - bootMs, wallMs: startMs }),
  ];
  for (let second = 0; second < 60; second += 5) {
    for (const family of FAMILIES) {
      if (second % family.seconds !== 0) continue;
      const timeMs = startMs + second * 1000;
      for (const line of familyLines(family, timeMs, bootMs)) lines.push(`${line} ${timeMs}\n`);
    }
  }
  return encodeMember(lines.join(""));
}

function familyLines(
  { name, series }: (typeof FAMILIES)[number],
  timeMs: number,
  bootMs: number,
): string[] {
  return Array.from({ length: series }, (_, index) => {
    const value =
      index % 3 === 0
        ? index
        : Math.round((timeMs - bootMs) / 10 + 1000 * Math.sin(timeMs / 1e5 + index)) / 100;
    return `pihealth_${name}_value_ratio{number="${index}",mode="idle"} ${value}`;
  });
}
