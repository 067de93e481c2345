/** A JSON object as text, with some of its fields replaced; undefined removes a field. */
export function changedJson(text: string, changes: Readonly<Record<string, unknown>>): string {
  const object: unknown = JSON.parse(text);
  if (typeof object !== "object") throw new TypeError(`Cannot change "${text}": it is no object`);
  return JSON.stringify({ ...object, ...changes });
}
