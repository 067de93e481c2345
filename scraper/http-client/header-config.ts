import type { ConfigSection } from "../../exporter/shared/config/config-section.js";
import type { TextOrFile } from "./text-or-file.js";

/** A value of an extra header. Headers with several values are sent with a comma between them. */
export interface HeaderValue {
  readonly name: string;
  readonly value: TextOrFile;
}

/** Headers that the client sets itself, in lower case; Prometheus refuses the same. */
const RESERVED = new Set([
  "accept-encoding",
  "authorization",
  "connection",
  "content-encoding",
  "content-length",
  "content-type",
  "host",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "user-agent",
  "www-authenticate",
  "x-prometheus-remote-write-version",
  "x-prometheus-remote-read-version",
  "x-prometheus-scrape-timeout-seconds",
  "x-amz-date",
  "x-amz-security-token",
  "x-amz-content-sha256",
]);

/** Whether `http_headers` must not set the header. */
export const isReservedHeader = (name: string): boolean => RESERVED.has(name.toLowerCase());

const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/**
 * Reads the key `http_headers`: per header a list of values, of secrets and of files.
 *
 * @throws {ConfigError}
 */
export function parseHttpHeaders(section: ConfigSection): HeaderValue[] {
  const headers = section.section("http_headers");
  return headers.keys().flatMap((name) => {
    if (!HEADER_NAME.test(name)) headers.fail(name, "is not the name of a header");
    if (isReservedHeader(name)) {
      headers.fail(name, "is a header that the client sets itself, it must be left out");
    }
    const entry = headers.section(name);
    const texts = [
      ...entry.strings("values", { default: [] }),
      ...entry.strings("secrets", { default: [] }),
    ];
    const values: TextOrFile[] = [
      ...texts.map((text) => ({ text })),
      ...entry.strings("files", { default: [] }).map((file) => ({ file })),
    ];
    entry.rejectUnknownKeys();
    return values.map((value) => ({ name, value }));
  });
}
