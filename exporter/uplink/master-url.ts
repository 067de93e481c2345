import { BadInputError } from "../shared/model/errors.js";

/** Port of the scraper's HTTP interface. */
const DEFAULT_MASTER_PORT = 8730;

/**
 * Parses the address of a master: `http://pi1:8730`, `https://pi1/prefix`, or short `pi1` and
 * `pi1:8730`.
 *
 * @returns the URL without a slash at its end, so that a path can be appended
 * @throws {BadInputError} when it is anything else; credentials belong in the token file
 */
export function parseMasterUrl(text: string): string {
  const expected = "it must be like http://pi1:8730";
  const full = withScheme(text);
  const url = URL.canParse(full) ? new URL(full) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.hostname === "") {
    throw new BadInputError(`Cannot use master "${text}": it is not an address, ${expected}`);
  }
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
    throw new BadInputError(
      `Cannot use master "${text}": it has a user, query or fragment, ${expected}`,
    );
  }
  return `${url.protocol}//${url.host}${url.pathname.replace(/\/+$/, "")}`;
}

function withScheme(text: string): string {
  if (text.includes("://")) return text;
  return /:\d+$/.test(text) ? `http://${text}` : `http://${text}:${DEFAULT_MASTER_PORT}`;
}
