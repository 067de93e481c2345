import type { Sample } from "../../model/metric.js";
import { formatSampleValue, formatSeries } from "../exposition/exposition-writer.js";

/** First line of a member: both clocks at one time. See history.format.md. */
export interface MemberHeader {
  readonly bootId: string;
  /** Time since boot. */
  readonly monotonicMs: number;
  readonly wallMs: number;
}

export const HISTORY_VERSION = 1;

const HEADER_LINE =
  /^# pihealth-history v(\d+) boot_id=([0-9a-f-]{1,64}) monotonic_ms=(\d+) wall_ms=(\d+)$/;

export function formatMemberHeader({ bootId, monotonicMs, wallMs }: MemberHeader): string {
  const clocks = `monotonic_ms=${Math.floor(monotonicMs)} wall_ms=${Math.floor(wallMs)}`;
  return `# pihealth-history v${HISTORY_VERSION} boot_id=${bootId} ${clocks}\n`;
}

/** Undefined when the line is not a header of a known version. */
export function parseMemberHeader(line: string): MemberHeader | undefined {
  const [, version, bootId, monotonicMs, wallMs] = HEADER_LINE.exec(line) ?? [];
  if (bootId === undefined || Number(version) !== HISTORY_VERSION) return undefined;
  return { bootId, monotonicMs: Number(monotonicMs), wallMs: Number(wallMs) };
}

/** Header of the first line of a member's text; undefined as in {@link parseMemberHeader}. */
export function memberHeaderOf(text: string): MemberHeader | undefined {
  const end = text.indexOf("\n");
  return parseMemberHeader(end < 0 ? text : text.slice(0, end));
}

/** One line of text exposition format with its timestamp. */
export function formatHistoryLine(sample: Sample, timestampMs: number): string {
  const valueText = Object.is(sample.value, -0) ? "-0" : formatSampleValue(sample.value);
  return `${formatSeries(sample)} ${valueText} ${Math.floor(timestampMs)}\n`;
}
