import { Labels } from "../../../exporter/shared/model/labels.js";

/** Version of every record written by the notification side. See json-lines-file.format.md. */
export const RECORD_VERSION = 1;

/**
 * The fields of one stored record, checked one by one. Getters throw when the field is not what it
 * must be.
 */
export class StoredFields {
  private readonly fields: Readonly<Record<string, unknown>>;

  constructor(value: unknown) {
    if (typeof value !== "object" || value === null || Array.isArray(value))
      throw new TypeError("not an object");
    this.fields = value as Record<string, unknown>;
  }

  text(name: string): string {
    const value = this.fields[name];
    if (typeof value !== "string") throw new TypeError(`${name} is not a text`);
    return value;
  }

  number(name: string): number {
    const value = this.fields[name];
    if (typeof value !== "number" || !Number.isFinite(value))
      throw new TypeError(`${name} is not a number`);
    return value;
  }

  boolean(name: string): boolean {
    const value = this.fields[name];
    if (typeof value !== "boolean") throw new TypeError(`${name} is not true or false`);
    return value;
  }

  texts(name: string): string[] {
    return this.list(name).map((item) => {
      if (typeof item !== "string")
        throw new TypeError(`${name} holds something that is not a text`);
      return item;
    });
  }

  list(name: string): readonly unknown[] {
    const value = this.fields[name];
    if (!Array.isArray(value)) throw new TypeError(`${name} is not a list`);
    return value;
  }

  labels(name: string): Labels {
    return Labels.of(new StoredFields(this.fields[name]).allTexts());
  }

  object(name: string): StoredFields {
    return new StoredFields(this.fields[name]);
  }

  isNull(name: string): boolean {
    return this.fields[name] === null;
  }

  has(name: string): boolean {
    return this.fields[name] !== undefined;
  }

  private allTexts(): Record<string, string> {
    return Object.fromEntries(Object.keys(this.fields).map((name) => [name, this.text(name)]));
  }
}

/**
 * Reads every value with `decode`; those it throws for, or that have another version, are left out.
 */
export function decodeEach<Result>(
  values: readonly unknown[],
  decode: (fields: StoredFields) => Result,
): { records: Result[]; damaged: number } {
  const records: Result[] = [];
  for (const value of values) {
    try {
      const fields = new StoredFields(value);
      if (fields.number("v") === RECORD_VERSION) records.push(decode(fields));
    } catch {
      continue; // The difference in length tells the caller.
    }
  }
  return { records, damaged: values.length - records.length };
}
