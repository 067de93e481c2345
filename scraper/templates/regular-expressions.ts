/** Regular expressions of templates: RE2 syntax in linear time, replacements in Go's notation. */
import { RE2JS } from "re2js";
import { messageOf } from "../../exporter/shared/model/errors.js";
import { FunctionError } from "./template-error.js";

const MAX_RESULT_CHARACTERS = 4 * 1_048_576;
const REFERENCE = /\$(?:\$|\{([\p{L}\p{Nd}_]+)\}|([\p{L}\p{Nd}_]+))/gu;

/** @throws {FunctionError} */
export function matchesAnywhere(pattern: string, text: string): boolean {
  return compile(pattern).matcher(text).find();
}

/**
 * Go's ReplaceAllString: `$1`, `${1}` and `${name}` stand for groups.
 *
 * @throws {FunctionError}
 */
export function replaceAll(pattern: string, replacement: string, text: string): string {
  const matcher = compile(pattern).matcher(text);
  const names = matcher.pattern().namedGroups();
  let result = "";
  let copiedTo = 0;
  let lastEnd = -1;
  while (matcher.find()) {
    const [start, end] = [matcher.start(), matcher.end()];
    if (start === end && start === lastEnd) continue; // No empty match right behind another match.
    lastEnd = end;
    result += text.slice(copiedTo, start);
    copiedTo = end;
    result += replacement.replace(REFERENCE, (reference, braced?: string, bare?: string) => {
      if (reference === "$$") return "$";
      return groupText(matcher, names, (braced ?? bare) as string);
    });
    if (result.length > MAX_RESULT_CHARACTERS) {
      throw new FunctionError(`result is longer than ${MAX_RESULT_CHARACTERS} characters`);
    }
  }
  return result + text.slice(copiedTo);
}

function groupText(
  matcher: ReturnType<RE2JS["matcher"]>,
  names: Readonly<Record<string, number>>,
  name: string,
): string {
  const index = /^\d+$/.test(name)
    ? Number(name)
    : Object.hasOwn(names, name)
      ? names[name]
      : undefined;
  if (index === undefined || index > matcher.groupCount()) return "";
  return matcher.group(index) ?? "";
}

function compile(pattern: string): RE2JS {
  try {
    return RE2JS.compile(pattern);
  } catch (error) {
    throw new FunctionError(messageOf(error));
  }
}
