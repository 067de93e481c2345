/** Bytes to send: `fromBytes` is in, `untilBytes` is out. */
export interface ByteRange {
  readonly fromBytes: number;
  readonly untilBytes: number;
}

/**
 * Reads a `Range` header (RFC 9110, section 14.2) of one range.
 *
 * @returns undefined when the whole is to be sent: no header, another unit, several ranges, or
 * nothing that can be understood; `"unsatisfiable"` when no byte of the body is in the range
 */
export function parseByteRange(
  header: string | undefined,
  sizeBytes: number,
): ByteRange | "unsatisfiable" | undefined {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.replaceAll(" ", "") ?? "");
  const [, first = "", last = ""] = match ?? [];
  if (first === "" && last === "") return undefined;
  if (first === "") {
    const suffixBytes = Math.min(Number(last), sizeBytes);
    if (suffixBytes === 0) return "unsatisfiable";
    return { fromBytes: sizeBytes - suffixBytes, untilBytes: sizeBytes };
  }
  const fromBytes = Number(first);
  if (last !== "" && Number(last) < fromBytes) return undefined;
  if (fromBytes >= sizeBytes) return "unsatisfiable";
  const untilBytes = last === "" ? sizeBytes : Math.min(Number(last) + 1, sizeBytes);
  return { fromBytes, untilBytes };
}
