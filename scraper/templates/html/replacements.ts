/** Replaces characters that are in the table. */
export function replaceCharacters(text: string, table: Readonly<Record<string, string>>): string {
  let output = "";
  let copied = 0;
  for (let at = 0; at < text.length; at++) {
    const replacement = table[text.charAt(at)];
    if (replacement === undefined) continue;
    output += text.slice(copied, at) + replacement;
    copied = at + 1;
  }
  return copied === 0 ? text : output + text.slice(copied);
}

/** Stands for a value that could do harm. */
export const UNSAFE = "ZgotmplZ";
