import { BadInputError } from "../../../exporter/shared/model/errors.js";

export interface MailAddress {
  /** Empty when none was given. */
  readonly name: string;
  /** `local@domain`. */
  readonly address: string;
}

/** Characters of Unicode that change the reading direction of the text after them. */
const DIRECTIONS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
export const MAX_RECIPIENTS = 100;
const MAX_ADDRESS_CHARACTERS = 254; // RFC 5321, 4.5.3.1.3, less the angle brackets.
const ADDRESS = /^[^\s@<>()[\],;:\\"\p{Cc}]+@[^\s@<>()[\],;:\\"\p{Cc}]+$/u;

/**
 * Reads a list of addresses: `a@b.c, Anna <a@b.c>, "Berg, Anna" <a@b.c>`.
 *
 * @throws {BadInputError} when there are none or too many, or one is not valid
 */
export function parseMailAddresses(text: string): MailAddress[] {
  const parts = splitAtCommas(removeControls(text)).filter((part) => part !== "");
  if (parts.length === 0)
    throw new BadInputError(`Cannot send mail: there is no address in "${text}"`);
  if (parts.length > MAX_RECIPIENTS) {
    const detail = `there are ${parts.length} addresses, there must be at most ${MAX_RECIPIENTS}`;
    throw new BadInputError(`Cannot send mail: ${detail}`);
  }
  return parts.map(parseMailAddress);
}

/** @throws {BadInputError} */
export function parseMailAddress(text: string): MailAddress {
  const match = /^(?:"((?:[^"\\]|\\.)*)"|([^<>"]*))\s*<([^<>]*)>$/.exec(text);
  const name = (match?.[1]?.replace(/\\(.)/g, "$1") ?? match?.[2] ?? "").trim();
  const address = (match?.[3] ?? text).trim();
  if (!ADDRESS.test(address) || address.length > MAX_ADDRESS_CHARACTERS) {
    throw new BadInputError(
      `Cannot send mail to "${text}": it must be an address such as anna@example.org`,
    );
  }
  return { name, address };
}

/** Formats an address for a header. */
export function formatMailAddress({ name, address }: MailAddress): string {
  return name === "" ? address : `"${name.replace(/["\\]/g, "\\$&")}" <${address}>`;
}

/**
 * Replaces line breaks and control characters by spaces, because a header value is one line. Marks
 * and overrides of the reading direction are left out.
 */
export function removeControls(text: string): string {
  return text
    .replace(DIRECTIONS, "")
    .replace(/[\p{Cc}\u2028\u2029]+/gu, " ")
    .trim();
}

function splitAtCommas(text: string): string[] {
  const parts = text.match(/(?:"(?:[^"\\]|\\.)*"|[^",])+/g) ?? [];
  return parts.map((part) => part.trim());
}
