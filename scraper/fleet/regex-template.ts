/** One part of a template of Go's `Regexp.Expand`: literal text, or the number or name of a group. */
type Part = { readonly text: string } | { readonly group: number | string };

/**
 * A replacement such as `${1}:9100`, in the form of Go's `Regexp.Expand`: `$name`, `${name}` and `$1` stand for groups
 * and `$$` for a dollar sign. The longest possible name is taken: `$1x` is `${1x}`. An unknown group is empty.
 */
export interface RegexTemplate {
  /** False when the template is a constant. */
  readonly usesGroups: boolean;
  /** @param groupText text of a group, empty when the group did not take part in the match */
  expand(groupText: (group: number | string) => string): string;
}

const REFERENCE = /\$(?:\$|(\w+)|\{(\w+)\})/g;

export function parseRegexTemplate(template: string): RegexTemplate {
  const parts: Part[] = [];
  let end = 0;
  for (const match of template.matchAll(REFERENCE)) {
    parts.push({ text: template.slice(end, match.index) });
    const name = match[1] ?? match[2];
    parts.push(
      name === undefined ? { text: "$" } : { group: /^\d+$/.test(name) ? Number(name) : name },
    );
    end = match.index + match[0].length;
  }
  parts.push({ text: template.slice(end) });
  return {
    usesGroups: parts.some((part) => "group" in part),
    expand: (groupText) =>
      parts.map((part) => ("text" in part ? part.text : groupText(part.group))).join(""),
  };
}
