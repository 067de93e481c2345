/**
 * Returns a function that tests whether a name matches a list, in which `*` stands for any
 * characters.
 *
 * Each pattern is compared in linear time, so no pattern from a configuration file can make it
 * slow.
 */
export function createNameMatcher(patterns: readonly string[]): (name: string) => boolean {
  const parts = patterns.map((pattern) => {
    const [first = "", ...others] = pattern.split("*");
    return { first, middle: others.slice(0, -1), last: others.at(-1) };
  });
  return (name) => parts.some((pieces) => matches(name, pieces));
}

/** The texts between the wildcards of a pattern. */
interface Pieces {
  readonly first: string;
  readonly middle: readonly string[];
  /** Undefined without a wildcard. */
  readonly last: string | undefined;
}

function matches(name: string, { first, middle, last }: Pieces): boolean {
  if (last === undefined) return name === first;
  if (!name.startsWith(first) || !name.endsWith(last) || name.length < first.length + last.length)
    return false;
  let from = first.length;
  const until = name.length - last.length;
  for (const piece of middle) {
    const found = name.indexOf(piece, from);
    if (found < 0 || found + piece.length > until) return false;
    from = found + piece.length;
  }
  return true;
}
