/** Further alternatives of a header are ignored. */
export const MAX_ALTERNATIVES = 32;

/**
 * Reads the `Accept-Encoding` header of a request (RFC 9110, section 12.5.3).
 *
 * @returns whether the client prefers gzip, or likes it as much as an uncompressed body
 */
export function prefersGzip(acceptEncoding: string | readonly string[] | undefined): boolean {
  if (acceptEncoding === undefined) return false;
  let gzipQuality: number | undefined;
  let anyQuality = 0;
  let identityQuality = 0;
  for (const alternative of String(acceptEncoding).toLowerCase().split(",", MAX_ALTERNATIVES)) {
    const [name = "", ...parameters] = alternative.split(";").map((text) => text.trim());
    const quality = parseQuality(parameters.find((text) => text.startsWith("q="))?.slice(2));
    if (name === "gzip" || name === "x-gzip") gzipQuality = quality;
    else if (name === "*") anyQuality = quality;
    else if (name === "identity") identityQuality = quality;
  }
  const quality = gzipQuality ?? anyQuality;
  return quality > 0 && quality >= identityQuality;
}

/** Returns 0 (not acceptable) for text that is no quality value, so that a malformed alternative never wins. */
export function parseQuality(text: string | undefined): number {
  if (text === undefined) return 1;
  return /^(0(\.\d{0,3})?|1(\.0{0,3})?)$/.test(text) ? Number(text) : 0;
}
