/**
 * Text that comes from outside, as a person may see it: without secrets, and without characters that
 * manipulate a terminal or add lines. Every log line, error and terminal output goes through here.
 */

/** Takes the place of a password, a key or a token. */
const HIDDEN = "xxxxx";
/** Controls (C0, DEL, C1), format characters (direction marks, zero width) and line separators. */
const UNSAFE = /[\p{Cc}\p{Cf}\u2028\u2029]/gu;
const UNSAFE_IN_TEXT = /(?![\n\t])[\p{Cc}\p{Cf}\u2028\u2029]/gu;
/** A URL up to a space or a quote: scheme, user information, the rest. */
const URL_IN_TEXT = /\b([a-zA-Z][a-zA-Z0-9+.-]{1,20}:\/\/)([^\s"'`<>/?#]*@)?([^\s"'`<>]*)/g;
/**
 * User and password before a host whose scheme was left out: `user:password@host:8730`. A number is no
 * host: `job:rate5m@1700000000` is PromQL.
 */
const USER_IN_TEXT =
  /(?<![^\s"'`=([{,])[^\s"'`/:@=([{,]+:[^\s"'`/@]+@(?!\d+(?:\.\d+)?(?:[\s"'`,)\]}]|$))(?=[\w.-]+(?:[:/\s"'`,)\]}]|$))/g;
/** User information after two slashes, whatever stands before them. */
const USER_AFTER_SLASHES = /\/\/[^\s"'`<>/?#]+@/g;
const QUERY_VALUE = /([?&;][^\s=&;#]*=)[^\s&;#"'`<>]*/g;
/** The port and the path of a URL whose path is a secret. */
const SECRET_PATH = /^([a-zA-Z][a-zA-Z0-9+.-]*:\/\/)(?:[^/?#]*@)?([^/?#]*)/;

/** Escapes everything that is not plain text on one line. */
export const printable = (text: string): string => text.replace(UNSAFE, escaped);

/** Escapes everything that is not plain text, but keeps line feeds and tabs. */
export const printableText = (text: string): string => text.replace(UNSAFE_IN_TEXT, escaped);

function escaped(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  const digits = code.toString(16);
  return code > 0xffff ? `\\u{${digits}}` : `\\u${digits.padStart(4, "0")}`;
}

/** Hides user information and the values of queries in all URLs of a text. */
export function withoutUrlSecrets(given: string): string {
  const text = given.includes("@")
    ? given.replace(USER_IN_TEXT, `${HIDDEN}@`).replace(USER_AFTER_SLASHES, `//${HIDDEN}@`)
    : given;
  if (!text.includes("://")) return text;
  return text.replace(URL_IN_TEXT, (_, scheme: string, user: string | undefined, rest: string) => {
    const shownUser = user === undefined ? "" : `${HIDDEN}@`;
    return `${scheme}${shownUser}${rest.replace(QUERY_VALUE, `$1${HIDDEN}`)}`;
  });
}

/** A URL whose path may be a key, such as the URL of a webhook: only the host is shown. */
export const originOf = (url: string): string => {
  const [, scheme = "", host = ""] = SECRET_PATH.exec(url) ?? [];
  return `${scheme}${host}/${HIDDEN}`;
};

/** Hides a URL and each of its parts that may be a key wherever a text repeats them. */
export function withoutSecretUrl(text: string, url: string): string {
  const { href, pathname, search, password, username } = URL.canParse(url)
    ? new URL(url)
    : { href: url, pathname: "", search: "", password: "", username: "" };
  const parts = [url, href, pathname + search, pathname, search, password, username];
  const secrets = parts.filter((part) => part.length > 1);
  const hidden = secrets.reduce((shown, part) => shown.replaceAll(part, HIDDEN), text);
  return withoutUrlSecrets(hidden);
}
