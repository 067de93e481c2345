import { existsSync, linkSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { scanMembers } from "../../exporter/shared/codec/history/gzip-member.js";
import { memberHeaderOf } from "../../exporter/shared/codec/history/member-text.js";
import { codeOf } from "../../exporter/shared/model/errors.js";
import type { TimeRange } from "../../exporter/shared/model/time-range.js";

/** A sample at its true time. */
export interface TimedSample {
  readonly timeMs: number;
  readonly value: number;
}

/** Samples by series. The key has the name and the labels in the order of their names. */
export type SamplesBySeries = ReadonlyMap<string, readonly TimedSample[]>;

/** A clock with a smaller error counts as right, and its times are used unchanged. */
const RIGHT_MS = 100;
const LINE = /^(\w+)(\{.*\})? (\S+) (\d+)$/gm;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;

/**
 * Everything an exporter ever wrote into its history; hard links keep the files it deletes. Samples
 * have their true times, computed from the boot, whose start the rig knows, whatever clock the
 * exporter had.
 */
export class RecordedHistory {
  constructor(
    private readonly historyFolder: string,
    private readonly linkFolder: string,
    /** Time of the rig at which each boot began. */
    private readonly bootZeros: ReadonlyMap<string, number>,
  ) {
    mkdirSync(linkFolder, { recursive: true });
  }

  keep(): void {
    if (!existsSync(this.historyFolder)) return;
    for (const name of readdirSync(this.historyFolder)) {
      const link = path.join(this.linkFolder, name);
      if (!name.endsWith(".prom.gz") || existsSync(link)) continue;
      try {
        linkSync(path.join(this.historyFolder, name), link);
      } catch (error) {
        if (codeOf(error) !== "ENOENT") throw error; // Deleted at this moment.
      }
    }
  }

  samples(range: TimeRange): SamplesBySeries {
    this.keep();
    const found = new Map<string, TimedSample[]>();
    for (const name of readdirSync(this.linkFolder).sort()) {
      for (const text of scanMembers(readFileSync(path.join(this.linkFolder, name))).texts)
        this.readMember(text, range, found);
    }
    return found;
  }

  private readMember(
    text: string,
    { fromMs, untilMs }: TimeRange,
    found: Map<string, TimedSample[]>,
  ): void {
    const header = memberHeaderOf(text);
    const zeroMs = header === undefined ? undefined : this.bootZeros.get(header.bootId);
    if (header === undefined || zeroMs === undefined)
      throw new Error(`Cannot read member "${text.slice(0, 100)}"`);
    const errorMs = zeroMs + header.monotonicMs - header.wallMs;
    const correctionMs = Math.abs(errorMs) < RIGHT_MS ? 0 : errorMs;
    for (const [, name = "", labels = "", value, time] of text.matchAll(LINE)) {
      const timeMs = Number(time) + correctionMs;
      if (timeMs < fromMs || timeMs >= untilMs) continue;
      const key = seriesKey({ __name__: name, ...labelsOf(labels) });
      const samples = found.get(key) ?? [];
      samples.push({ timeMs, value: Number(value === "+Inf" ? "Infinity" : value) });
      found.set(key, samples);
    }
  }
}

/** Target labels are left out. */
export function seriesKey(metric: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(metric).filter(
    ([name, value]) => value !== "" && name !== "instance" && name !== "job",
  );
  return JSON.stringify(pairs.sort(([left], [right]) => (left < right ? -1 : 1)));
}

const labelsOf = (text: string): Record<string, string> =>
  Object.fromEntries(
    [...text.matchAll(LABEL)].map(([, name = "", value = ""]): [string, string] => [
      name,
      String(JSON.parse(`"${value}"`)),
    ]),
  );
