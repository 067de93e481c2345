import { createHmac, randomBytes } from "node:crypto";

/** Answers whether an `Authorization` header names a user and the user's password. */
export type BasicAuth = (authorization: string | undefined) => Promise<boolean>;

export type ComparePassword = (password: string, hash: string) => Promise<boolean>;

/** Verified and refused credentials remembered, each; the oldest go first. */
const MAX_REMEMBERED = 256;
/**
 * Comparisons waiting at once; one takes most of a second on a small Pi, so more than this are
 * refused unseen.
 */
const MAX_WAITING = 16;
/**
 * Compared for users that do not exist, so that they take as long as those who do. Nobody knows its
 * password.
 */
const NOBODY_HASH = "$2b$10$abcdefghijklmnopqrstuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu";

/**
 * Basic authentication against bcrypt hashes. What was verified once is remembered, as a keyed
 * digest, because every scrape brings the same credentials and every comparison is made to be slow.
 * Comparisons run one after the other.
 *
 * @param users bcrypt hash by user name; without users everybody may pass
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
    // An equal request was compared while this one waited.
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
    // A failed comparison is its own request's error, not the next one's.
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

/** Loaded when first needed: most installations have no users. */
async function compareWithBcrypt(password: string, hash: string): Promise<boolean> {
  const { default: bcrypt } = await import("bcryptjs");
  return bcrypt.compare(password, hash);
}
