/** The parts of a segment's name. See history.format.md. */
export interface SegmentName {
  readonly sequence: number;
  readonly startMs: number;
}

const SEGMENT_NAME = /^(\d{10})-(\d{13})\.prom\.gz$/;

export function formatSegmentName({ sequence, startMs }: SegmentName): string {
  const start = Math.max(0, Math.floor(startMs));
  return `${String(sequence).padStart(10, "0")}-${String(start).padStart(13, "0")}.prom.gz`;
}

/** Undefined for any other file name, so no request can lead out of the folder. */
export function parseSegmentName(name: string): SegmentName | undefined {
  const match = SEGMENT_NAME.exec(name);
  return match === null ? undefined : { sequence: Number(match[1]), startMs: Number(match[2]) };
}
