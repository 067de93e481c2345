/**
 * Regular expressions of templates, with RE2 syntax, linear time and Go's notation for
 * replacements.
 */
import { messageOf } from "../../exporter/shared/model/errors.js";
import { RegexTemplate } from "../base/regex-template.js";
import { RegularExpression } from "../base/regular-expression.js";
import { FunctionError } from "./template-error.js";

const MAX_RESULT_CHARACTERS = 4 * 1_048_576;

/** @throws {FunctionError} */
export function matchesAnywhere(pattern: string, text: string): boolean {
  return compile(pattern).matchesPartOf(text);
}

/**
 * Go's `ReplaceAllString`: `$1`, `${1}` and `${name}` stand for groups.
 *
 * @throws {FunctionError} when the syntax is wrong or the result too long
 */
export function replaceAll(pattern: string, replacement: string, text: string): string {
  const template = new RegexTemplate(replacement);
  let result = "";
  let copiedTo = 0;
  for (const match of compile(pattern).matchesIn(text)) {
    result += text.slice(copiedTo, match.start) + template.expand(match);
    copiedTo = match.end;
    if (result.length > MAX_RESULT_CHARACTERS) {
      throw new FunctionError(`result is longer than ${MAX_RESULT_CHARACTERS} characters`);
    }
  }
  return result + text.slice(copiedTo);
}

function compile(pattern: string): RegularExpression {
  try {
    return RegularExpression.compile(pattern);
  } catch (error) {
    throw new FunctionError(messageOf(error));
  }
}
