/** Which keys of configurations and documents have values that no message may show. */

/** Words in the names of keys whose values no message may show; a misspelled one counts, too. */
const SECRET_WORDS = [
  "password",
  "passwd",
  "secret",
  "token",
  "credentials",
  "authorization",
  "bearer",
];
const SECRET_KEYS =
  /pass|secret|token|cred|basic_auth|authorization|(^|_)auth$|bearer|cookie|headers?$|^key$|_key$|api_?key|private/i;
/** Misspellings of a word differ by this many letters at most. */
const MAX_MISSPELLED = 2;

/** True when the name of a key, perhaps misspelled, says that its value is a secret. */
export function isSecretKey(key: string): boolean {
  if (/_(file|ref)$/.test(key)) return false; // The name of a place.
  if (SECRET_KEYS.test(key)) return true;
  const words = key.toLowerCase().split(/[_.-]/);
  return SECRET_WORDS.some((secret) =>
    [...words, words.join("")].some((word) => areSimilar(word, secret)),
  );
}

/** True when at most `MAX_MISSPELLED` letters were changed, added or left out. */
function areSimilar(word: string, other: string): boolean {
  if (Math.abs(word.length - other.length) > MAX_MISSPELLED || word.length < 4) return false;
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (const [index, letter] of [...word].entries()) {
    const next = [index + 1];
    for (let at = 1; at <= other.length; at++) {
      const isSame = letter === other[at - 1];
      const [above = 0, left = 0, diagonal = 0] = [row[at], next[at - 1], row[at - 1]];
      next.push(Math.min(above + 1, left + 1, diagonal + (isSame ? 0 : 1)));
    }
    row = next;
  }
  return (row[other.length] ?? 0) <= MAX_MISSPELLED;
}
