import { quoteLabelValue } from "../../model/labels.js";
import type { Sample } from "../../model/metric.js";

/** First line of a member: both clocks at one instant. See history.format.md. */
export interface MemberHeader {
  readonly bootId: string;
  /** Since boot. */
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

/** Undefined when the line is not a header of a version this program knows. */
export function parseMemberHeader(line: string): MemberHeader | undefined {
  const match = HEADER_LINE.exec(line);
  if (match === null || Number(match[1]) !== HISTORY_VERSION) return undefined;
  return { bootId: match[2] as string, monotonicMs: Number(match[3]), wallMs: Number(match[4]) };
}

/** Of the first line of a member's text; undefined as in {@link parseMemberHeader}. */
export function memberHeaderOf(text: string): MemberHeader | undefined {
  const end = text.indexOf("\n");
  return parseMemberHeader(end < 0 ? text : text.slice(0, end));
}

/** One line of text exposition format with its timestamp. */
export function formatHistoryLine({ metric, labels, value }: Sample, timestampMs: number): string {
  const pairs = metric.labels.map((label) => `${label}=${quoteLabelValue(labels[label] ?? "")}`);
  const labelText = pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
  return `${metric.name}${labelText} ${formatValue(value)} ${Math.floor(timestampMs)}\n`;
}

function formatValue(value: number): string {
  if (Number.isFinite(value)) return Object.is(value, -0) ? "-0" : String(value);
  return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
}
