/**
 * Tells whether a name is in a list of names, in which `*` stands for any characters.
 *
 * A list is a few patterns, each compared in linear time: no pattern from a configuration file can
 * make it slow.
 */
export function createNameMatcher(patterns: readonly string[]): (name: string) => boolean {
  const parts = patterns.map((pattern) => pattern.split("*"));
  return (name) => parts.some((pieces) => matches(name, pieces));
}

function matches(name: string, pieces: readonly string[]): boolean {
  const first = pieces[0] as string;
  const last = pieces.at(-1) as string;
  if (pieces.length === 1) return name === first;
  if (!name.startsWith(first) || !name.endsWith(last) || name.length < first.length + last.length)
    return false;
  let from = first.length;
  const until = name.length - last.length;
  for (const piece of pieces.slice(1, -1)) {
    const found = name.indexOf(piece, from);
    if (found < 0 || found + piece.length > until) return false;
    from = found + piece.length;
  }
  return true;
}
