import { createHmac, randomBytes } from "node:crypto";

/** Whether an `Authorization` header has a user and the password of that user. */
export type BasicAuth = (authorization: string | undefined) => Promise<boolean>;

export type ComparePassword = (password: string, hash: string) => Promise<boolean>;

/** Most accepted credentials that are remembered, and most refused ones. */
const MAX_REMEMBERED = 256;
/**
 * Comparisons that may wait. One takes most of a second on a small Pi; further requests are
 * refused.
 */
const MAX_WAITING = 16;
/**
 * Compared for unknown users, so that they take as long as known ones. No password has this hash.
 */
const NOBODY_HASH = "$2b$10$abcdefghijklmnopqrstuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu";

/**
 * Basic authentication against bcrypt hashes. Outcomes are remembered under a keyed digest of the
 * credentials, because every scrape brings the same ones and bcrypt is slow on purpose. Comparisons
 * run one after the other.
 *
 * @param users bcrypt hash by user name; empty: every request passes
 */
export function createBasicAuth(
  users: ReadonlyMap<string, string>,
  compare: ComparePassword = compareWithBcrypt,
): BasicAuth {
  if (users.size === 0) return async () => true;
  const digestKey = randomBytes(32);
  const outcomes = { accepted: new Set<string>(), refused: new Set<string>() };
  let queue: Promise<unknown> = Promise.resolve();
  let waiting = 0;

  const verify = async ({ user, password }: Credentials, digest: string): Promise<boolean> => {
    // A request with the same credentials was compared while this one waited.
    if (outcomes.accepted.has(digest)) return true;
    const hash = users.get(user);
    const isEqual = await compare(password, hash ?? NOBODY_HASH);
    const isAccepted = isEqual && hash !== undefined;
    remember(isAccepted ? outcomes.accepted : outcomes.refused, digest);
    return isAccepted;
  };

  return async (authorization) => {
    const credentials = parseBasic(authorization);
    if (credentials === undefined) return false;
    const { user, password } = credentials;
    const digest = createHmac("sha256", digestKey)
      .update(`${user.length}:${user}:${password}`)
      .digest("base64");
    if (outcomes.accepted.has(digest)) return true;
    if (outcomes.refused.has(digest) || waiting >= MAX_WAITING) return false;
    waiting++;
    const verified = queue.then(() => verify(credentials, digest));
    // A comparison that fails is the error of its own request only.
    queue = verified.catch(() => undefined);
    return verified.finally(() => waiting--);
  };
}

interface Credentials {
  readonly user: string;
  readonly password: string;
}

function parseBasic(authorization: string | undefined): Credentials | undefined {
  const encoded = /^Basic ([A-Za-z0-9+/]+={0,2})$/i.exec(authorization ?? "")?.[1];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, "base64").toString("utf8");
  const colon = text.indexOf(":");
  return colon < 0 ? undefined : { user: text.slice(0, colon), password: text.slice(colon + 1) };
}

function remember(digests: Set<string>, digest: string): void {
  digests.add(digest);
  const [oldest] = digests;
  if (digests.size > MAX_REMEMBERED && oldest !== undefined) digests.delete(oldest);
}

/** Loads bcrypt at first use: most installations have no users. */
async function compareWithBcrypt(password: string, hash: string): Promise<boolean> {
  const { default: bcrypt } = await import("bcryptjs");
  return bcrypt.compare(password, hash);
}
