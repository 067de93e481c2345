import { createHash, timingSafeEqual } from "node:crypto";
import { BadInputError, messageOf } from "../model/errors.js";
import type { Files } from "../platform/files.js";

const MIN_TOKEN_CHARACTERS = 16;
const MAX_TOKEN_CHARACTERS = 4096;
const TOKEN = /^[\x21-\x7e]+$/;

/**
 * Reads the secret that all programs of a fleet share: one line of visible ASCII characters.
 *
 * @throws {BadInputError} when the file cannot be read or contains no token; the message never
 * contains the token
 */
export async function readFleetToken(tokenFile: string, files: Files): Promise<string> {
  let text: string;
  try {
    text = (await files.readText(tokenFile)).trim();
  } catch (error) {
    throw new BadInputError(`Cannot read fleet token "${tokenFile}": ${messageOf(error)}`, {
      cause: error,
    });
  }
  if (
    text.length < MIN_TOKEN_CHARACTERS ||
    text.length > MAX_TOKEN_CHARACTERS ||
    !TOKEN.test(text)
  ) {
    const limits = `${MIN_TOKEN_CHARACTERS} to ${MAX_TOKEN_CHARACTERS}`;
    throw new BadInputError(
      `Cannot read fleet token "${tokenFile}": it must be one line of ${limits} visible ASCII characters`,
    );
  }
  return text;
}

/** Value of the `Authorization` header that carries the token. */
export const tokenHeader = (token: string): string => `Bearer ${token}`;

/**
 * True when an `Authorization` header carries the token. The duration is the same for every wrong
 * token: digests of equal length are compared, so it reveals neither content nor length.
 */
export function tokenMatches(header: string | undefined, token: string): boolean {
  const match = /^Bearer +([\x21-\x7e]+) *$/i.exec(header ?? "");
  const given = match?.[1];
  return timingSafeEqual(digest(given ?? ""), digest(token)) && given !== undefined;
}

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
