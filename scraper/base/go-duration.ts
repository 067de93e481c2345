import { BadInputError } from "../../exporter/shared/model/errors.js";

const NANOSECONDS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};
const PART = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/y;

/**
 * Reads a duration as Go's time.ParseDuration: `1h30m`, `-1.5s`, `0`.
 *
 * @throws {BadInputError}
 */
export function parseGoDurationMs(text: string): number {
  const sign = /^[+-]/.exec(text)?.[0] ?? "";
  const body = text.slice(sign.length);
  if (body === "0") return 0;
  let nanoseconds = 0;
  PART.lastIndex = 0;
  do {
    const [, number = "", unit = ""] = PART.exec(body) ?? [];
    if (unit === "")
      throw new BadInputError(`is ${JSON.stringify(text)}, it must be like 10s or 1.5m`);
    nanoseconds += Number(number) * (NANOSECONDS[unit] ?? 0);
  } while (PART.lastIndex < body.length);
  if (nanoseconds >= 2 ** 63) throw new BadInputError(`is "${text}", it must be below 292 years`);
  return ((sign === "-" ? -1 : 1) * nanoseconds) / 1e6;
}
