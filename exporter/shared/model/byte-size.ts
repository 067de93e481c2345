import { BadInputError } from "./errors.js";

const UNIT_FACTORS: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1024,
  MB: 1024 ** 2,
  GB: 1024 ** 3,
  TB: 1024 ** 4,
  PB: 1024 ** 5,
  EB: 1024 ** 6,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
  PiB: 1024 ** 5,
  EiB: 1024 ** 6,
};
const BYTE_SIZE = /^(\d+(?:\.\d+)?)([KMGTPE]i?B|B)?$/;
const HUMAN_UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/**
 * Reads a size such as `30MB`, `8GiB` or a bare number of bytes. KB and KiB are both 1024 bytes, as in Prometheus.
 *
 * @throws {BadInputError} when the text is anything else
 */
export function parseByteSize(text: string): number {
  const [, digits, unit = "B"] = BYTE_SIZE.exec(text) ?? [];
  const factor = UNIT_FACTORS[unit];
  if (digits === undefined || factor === undefined) {
    throw new BadInputError(
      `Cannot read size "${text}": it must be a number with a unit, such as 512KB, 30MB or 8GiB`,
    );
  }
  return Math.round(Number(digits) * factor);
}

/** Formats bytes for people, with one decimal from KiB upwards: `3.8GiB`, `512B`. */
export const formatByteSize = (sizeBytes: number): string =>
  formatSize(sizeBytes, (size) => size.toFixed(1));

/**
 * Formats bytes with four digits, so that percentages of them can be checked: `3.794GiB`, `1023MiB`.
 */
export const formatExactSize = (sizeBytes: number): string =>
  formatSize(sizeBytes, (size) => size.toPrecision(4));

function formatSize(sizeBytes: number, format: (size: number) => string): string {
  let size = sizeBytes;
  let unit = 0;
  while (Math.abs(size) >= 1024 && unit < HUMAN_UNITS.length - 1) {
    size /= 1024;
    unit++;
  }
  return `${unit === 0 ? size : format(size)}${HUMAN_UNITS[unit]}`;
}
