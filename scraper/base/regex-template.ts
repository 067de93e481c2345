import type { RegexMatch } from "./regular-expression.js";

type Part = { readonly text: string } | { readonly group: number | string };

const REFERENCE = /\$(?:\$|([\p{L}\p{Nd}_]+)|\{([\p{L}\p{Nd}_]+)\})/gu;

/**
 * A replacement such as `${1}:9100`, in the form of Go's `Regexp.Expand`: `$name`, `${name}` and
 * `$1` stand for groups and `$$` for a dollar sign. The longest possible name is taken: `$1x` is
 * `${1x}`. An unknown group is empty.
 */
export class RegexTemplate {
  private readonly parts: readonly Part[];

  constructor(template: string) {
    const parts: Part[] = [];
    let end = 0;
    for (const match of template.matchAll(REFERENCE)) {
      const [reference, bare, braced] = match;
      parts.push({ text: template.slice(end, match.index) }, partOf(bare ?? braced));
      end = match.index + reference.length;
    }
    parts.push({ text: template.slice(end) });
    this.parts = parts;
  }

  expand(match: RegexMatch): string {
    let text = "";
    for (const part of this.parts) text += "text" in part ? part.text : match.group(part.group);
    return text;
  }
}

function partOf(name: string | undefined): Part {
  if (name === undefined) return { text: "$" };
  return { group: /^\d+$/.test(name) ? Number(name) : name };
}
