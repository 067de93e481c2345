/** The bytes to send: from `fromBytes` to the byte before `untilBytes`. */
export interface ByteRange {
  readonly fromBytes: number;
  readonly untilBytes: number;
}

/**
 * Reads a `Range` header with one range (RFC 9110, section 14.2).
 *
 * @returns undefined when the header is missing, has another unit or several ranges, or cannot be
 * parsed: then the whole body is sent; `"unsatisfiable"` when the range contains no byte of the body
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
