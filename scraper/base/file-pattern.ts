/** Patterns of file names as Go's `filepath.Match` and `filepath.Glob` read them. */
import path from "node:path";
import { BadInputError } from "../../exporter/shared/model/errors.js";
import type { Files } from "../../exporter/shared/platform/files.js";

const SPECIAL = /[*?[\\]/;

/** @throws {BadInputError} when a class (`[a-z]`) or an escape is not complete */
export function checkPattern(pattern: string): void {
  for (const part of pattern.split("/")) patternOf(part);
}

/**
 * The files that a pattern matches, sorted. A pattern that matches none has none; a name without
 * special characters is itself, if it exists.
 *
 * @param pattern an absolute path
 * @throws {BadInputError}
 */
export async function matchingFiles(pattern: string, files: Files): Promise<string[]> {
  let found = ["/"];
  for (const part of pattern.split("/").filter((name) => name !== "")) {
    const next = found.map((folder) => matchesIn(folder, part, files));
    found = (await Promise.all(next)).flat();
  }
  return found;
}

async function matchesIn(folder: string, part: string, files: Files): Promise<string[]> {
  if (!SPECIAL.test(part)) {
    const full = path.join(folder, part);
    return (await files.facts(full)) === undefined ? [] : [full];
  }
  if ((await files.facts(folder)) === undefined) return [];
  const expression = patternOf(part);
  const entries = await files.list(folder).catch(() => []); // It is no folder.
  return entries
    .map(({ name }) => name)
    .filter((name) => expression.test(name))
    .sort()
    .map((name) => path.join(folder, name));
}

function patternOf(part: string): RegExp {
  const bad = (): BadInputError =>
    new BadInputError(
      `is the pattern ${JSON.stringify(part)}, in which a class or escape is not complete`,
    );
  const source = part.replace(
    /\[(\^?)((?:\\[\s\S]|[^\]\\])+)\]|\\([\s\S])|([\s\S])/gu,
    (whole, not, set, escaped, plain) => {
      if (typeof set === "string") return `[${not === "^" ? "^" : ""}${set.replace(/\[/g, "\\[")}]`;
      if (typeof escaped === "string") return escapeText(escaped);
      if (plain === "*") return "[^/]*";
      if (plain === "?") return "[^/]";
      if (plain === "[" || plain === "\\") throw bad();
      return escapeText(String(whole));
    },
  );
  try {
    return new RegExp(`^${source}$`, "u");
  } catch {
    throw bad();
  }
}

const escapeText = (text: string): string => text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
