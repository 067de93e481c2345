/** A value with at most this many parts is rendered at once. */
const SMALL_PARTS = 64;
/** Approximate length of a piece. */
const PIECE_CHARACTERS = 32_768;
/** A piece ends after this many texts, whatever their length: they may be expensive to make. */
const PIECE_TEXTS = 512;

/**
 * Renders a value as `JSON.stringify` does, in pieces. An iterable that is no array, such as a
 * generator, is rendered as an array, and its items are made one after the other. Its undefined items
 * are left out: a generator yields them where it has looked at much and found nothing. A piece may be
 * empty.
 */
export function* jsonPieces(value: unknown): Generator<string> {
  let pending = "";
  let texts = 0;
  for (const text of textsOf(value)) {
    pending += text;
    if (pending.length < PIECE_CHARACTERS && ++texts < PIECE_TEXTS) continue;
    yield pending;
    pending = "";
    texts = 0;
  }
  yield pending;
}

function* textsOf(value: unknown): Generator<string> {
  if (typeof value !== "object" || value === null || isSmall(value)) {
    yield JSON.stringify(value) ?? "null";
  } else if (isIterable(value)) {
    yield "[";
    let separator = "";
    for (const item of value) {
      if (item === undefined && !Array.isArray(value)) {
        yield "";
        continue;
      }
      if (separator !== "") yield separator;
      separator = ",";
      yield* textsOf(item);
    }
    yield "]";
  } else {
    let separator = "{";
    for (const [name, field] of Object.entries(value)) {
      if (field === undefined) continue;
      yield `${separator}${JSON.stringify(name)}:`;
      separator = ",";
      yield* textsOf(field);
    }
    yield separator === "{" ? "{}" : "}";
  }
}

const isIterable = (value: object): value is Iterable<unknown> => Symbol.iterator in value;

/** True for a value with few parts that has no iterable but arrays. */
function isSmall(value: object): boolean {
  let parts = 0;
  const pending: object[] = [value];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if ("toJSON" in next) continue;
    if (!Array.isArray(next) && isIterable(next)) return false;
    const fields: unknown[] = Array.isArray(next) ? next : Object.values(next);
    parts += fields.length;
    if (parts > SMALL_PARTS) return false;
    for (const field of fields)
      if (typeof field === "object" && field !== null) pending.push(field);
  }
  return true;
}
