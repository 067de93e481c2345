import ipaddr from "ipaddr.js";

/**
 * The canonical form of an IP address: IPv4 as four decimal parts (also when mapped into IPv6),
 * IPv6 as in RFC 5952. Undefined when the text is not an address; a zone (`%eth0`) is not accepted.
 */
export function canonicalAddress(text: string): string | undefined {
  const address = parseAddress(text);
  if (address === undefined) return undefined;
  return address instanceof ipaddr.IPv6 ? address.toRFC5952String() : address.toString();
}

/**
 * Accepts four-part decimal IPv4 and IPv6. Forms such as `127.1` or `0x7f000001` are not accepted.
 */
export function parseAddress(text: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text);
  if (!text.includes(":") || text.includes("%") || !ipaddr.IPv6.isValid(text)) return undefined;
  const address = ipaddr.IPv6.parse(text);
  return address.isIPv4MappedAddress() ? address.toIPv4Address() : address;
}

const HOST_NAME =
  /^(?=.{1,253}$)[a-zA-Z0-9_](?:[a-zA-Z0-9_-]{0,62}(?:\.[a-zA-Z0-9_][a-zA-Z0-9_-]{0,62})*)\.?$/;

/**
 * Letters, digits, `-`, `_` and single dots, with at least one letter. It cannot be an address or
 * lead out of a folder.
 */
export function isHostName(text: string): boolean {
  return HOST_NAME.test(text) && /[a-zA-Z_]/.test(text);
}

/** `host:port` with brackets around IPv6. */
export function formatHostPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * Splits `host`, `host:port`, `[v6]` and `[v6]:port`.
 *
 * @returns undefined when the text is neither an IP address nor a host name; `port` is undefined
 * when there is none
 */
export function parseHostPort(
  text: string,
): { host: string; port: number | undefined } | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text);
  const bareV6 = match === null ? canonicalAddress(text) : undefined;
  if (bareV6 !== undefined) return { host: bareV6, port: undefined };
  const [, bracketed, plain, digits] = match ?? [];
  const given = bracketed ?? plain ?? "";
  const port = digits === undefined ? undefined : Number(digits);
  if (port !== undefined && (port < 1 || port > 65_535)) return undefined;
  const address = canonicalAddress(given);
  if (address !== undefined) return { host: address, port };
  return bracketed === undefined && isHostName(given) ? { host: given, port } : undefined;
}
