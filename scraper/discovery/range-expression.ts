import ipaddr from "ipaddr.js";
import { BadInputError } from "../../exporter/shared/model/errors.js";
import { canonicalAddress, isHostName, parseAddress } from "../fleet/ip-address.js";

/** One entry of `hosts`: a set of addresses or of host names. */
export interface RangeExpression {
  readonly text: string;
  /** Number of hosts; may be too large to enumerate. */
  readonly size: number;
  /** In ascending order; addresses in their canonical form. */
  hosts(): Iterable<string>;
  /**
   * True when an IP address is one of the hosts. Names are not resolved, so it is false for ranges
   * of names.
   */
  contains(address: string): boolean;
}

const FORMS =
  "192.168.1.10, 192.168.1.10-192.168.1.60, 10.0.7.0/24, fd00::10, fd00::/120, pi1.lan or pi1..pi12.lan";

/**
 * Parses an address, a span, a CIDR block, a name or a range of numbered names. An IPv4 block
 * larger than /31 excludes its network and broadcast addresses.
 *
 * @throws {BadInputError} when the text is none of these
 */
export function parseRangeExpression(text: string): RangeExpression {
  const trimmed = text.trim();
  const range =
    parseBlock(trimmed) ??
    parseSpan(trimmed) ??
    parseSingle(trimmed) ??
    parseNumberedNames(trimmed);
  if (range === undefined)
    throw new BadInputError(`Cannot read range "${text}": it must be like ${FORMS}`);
  return range;
}

function parseSingle(text: string): RangeExpression | undefined {
  const address = canonicalAddress(text);
  if (address !== undefined)
    return addressRange(text, toNumber(address), toNumber(address), isV6(address));
  if (text.includes("..") || !isHostName(text)) return undefined;
  return nameRange(text, 1, () => [text]);
}

function parseBlock(text: string): RangeExpression | undefined {
  const [base = "", bits = "", ...rest] = text.split("/");
  const address = parseAddress(base);
  if (address === undefined || rest.length > 0 || !/^\d{1,3}$/.test(bits)) return undefined;
  const width = address.kind() === "ipv6" ? 128 : 32;
  if (Number(bits) > width) {
    throw new BadInputError(`Cannot read range "${text}": the prefix must be at most /${width}`);
  }
  const hostBits = BigInt(width - Number(bits));
  const first = (toNumber(address.toString()) >> hostBits) << hostBits;
  const last = first + (1n << hostBits) - 1n;
  const ends = width === 32 && hostBits >= 2n ? 1n : 0n;
  return addressRange(text, first + ends, last - ends, width === 128);
}

function parseSpan(text: string): RangeExpression | undefined {
  const dash = text.indexOf("-");
  const from = parseAddress(text.slice(0, dash).trim());
  if (dash < 1 || from === undefined) return undefined;
  const end = text.slice(dash + 1).trim();
  const until = parseAddress(
    isOctet(end) && from.kind() === "ipv4" ? replaceLastOctet(from.toString(), end) : end,
  );
  if (until === undefined || until.kind() !== from.kind()) return undefined;
  const [first, last] = [toNumber(from.toString()), toNumber(until.toString())];
  if (first > last) {
    throw new BadInputError(
      `Cannot read range "${text}": the last address must not be before the first`,
    );
  }
  return addressRange(text, first, last, from.kind() === "ipv6");
}

const isOctet = (text: string): boolean => /^\d{1,3}$/.test(text);
const replaceLastOctet = (address: string, octet: string): string => address.replace(/\d+$/, octet);

/** `pi1..pi12.lan` and `pi1.lan..pi12.lan`: equal text around a number that counts up. */
function parseNumberedNames(text: string): RangeExpression | undefined {
  const [left = "", right = "", ...rest] = text.split("..");
  if (rest.length > 0 || left === "" || right === "") return undefined;
  for (const run of [...left.matchAll(/\d+/g)].reverse()) {
    const prefix = left.slice(0, run.index);
    const suffix = left.slice(run.index + run[0].length);
    const digits = right.startsWith(prefix)
      ? /^\d+/.exec(right.slice(prefix.length))?.[0]
      : undefined;
    if (digits === undefined) continue;
    const rightSuffix = right.slice(prefix.length + digits.length);
    if (suffix !== "" && suffix !== rightSuffix) continue;
    return countedNames(text, { prefix, suffix: rightSuffix, first: run[0], last: digits });
  }
  return undefined;
}

interface CountedNames {
  readonly prefix: string;
  readonly suffix: string;
  readonly first: string;
  readonly last: string;
}

function countedNames(
  text: string,
  { prefix, suffix, first, last }: CountedNames,
): RangeExpression | undefined {
  const [from, until] = [Number(first), Number(last)];
  if (!Number.isSafeInteger(from) || !Number.isSafeInteger(until)) return undefined;
  if (from > until) {
    throw new BadInputError(
      `Cannot read range "${text}": the last number must not be below the first`,
    );
  }
  const width = first.startsWith("0") ? first.length : 0; // pi01..pi12 keeps leading zeros.
  const nameOf = (number: number): string => prefix + String(number).padStart(width, "0") + suffix;
  if (!isHostName(nameOf(from)) || !isHostName(nameOf(until))) return undefined;
  return nameRange(text, until - from + 1, function* () {
    for (let number = from; number <= until; number++) yield nameOf(number);
  });
}

function nameRange(text: string, size: number, hosts: () => Iterable<string>): RangeExpression {
  return { text, size, hosts, contains: () => false };
}

function addressRange(text: string, first: bigint, last: bigint, v6: boolean): RangeExpression {
  return {
    text,
    size: Number(last - first + 1n),
    *hosts() {
      for (let number = first; number <= last; number++) yield fromNumber(number, v6);
    },
    contains(address) {
      const canonical = canonicalAddress(address);
      if (canonical === undefined || isV6(canonical) !== v6) return false;
      const number = toNumber(canonical);
      return number >= first && number <= last;
    },
  };
}

const isV6 = (address: string): boolean => address.includes(":");

function toNumber(address: string): bigint {
  return ipaddr
    .parse(address)
    .toByteArray()
    .reduce((number, byte) => (number << 8n) | BigInt(byte), 0n);
}

function fromNumber(number: bigint, v6: boolean): string {
  const bytes: number[] = [];
  for (let shift = v6 ? 120n : 24n; shift >= 0n; shift -= 8n)
    bytes.push(Number((number >> shift) & 255n));
  const address = ipaddr.fromByteArray(bytes);
  return address instanceof ipaddr.IPv6 ? address.toRFC5952String() : address.toString();
}
