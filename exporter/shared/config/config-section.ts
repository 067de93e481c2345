/**
 * Reads configuration: a YAML text goes in, checked values in internal units come out. Every
 * message
 * names file, line and key.
 */
import { parseByteSize } from "../model/byte-size.js";
import { parseDurationMs } from "../model/duration.js";
import { messageOf } from "../model/errors.js";
import { ConfigError, describeAt, isMapping, type Path, YamlSource } from "./yaml-source.js";

/** Booleans of YAML 1.1. */
const TRUE_WORD = /^([yY]|yes|Yes|YES|on|On|ON)$/;
const FALSE_WORD = /^([nN]|no|No|NO|off|Off|OFF)$/;
/** Numbers that YAML 1.2 reads differently. */
const OLDER_NUMBER = /^[-+]?(\d[\d_]*_[\d_]*|0[0-7]+)(\.\d+)?$/;

interface NumberOptions {
  readonly default?: number;
  readonly min?: number;
  readonly max?: number;
}

interface DurationOptions {
  /** As written in a file: `15s`. */
  readonly default?: string;
  readonly min?: string;
  readonly max?: string;
}

/**
 * One mapping of a YAML file, read key by key. Each getter marks its key as known, and
 * `rejectUnknownKeys` refuses the others. Getters without a default require the key.
 */
export class ConfigSection {
  private readonly knownKeys = new Set<string>();

  private constructor(
    private readonly source: YamlSource,
    private readonly path: Path,
    private readonly values: Readonly<Record<string, unknown>>,
  ) {}

  /**
   * Reads a file that is a mapping; an empty file is an empty mapping.
   *
   * @param file name for messages
   * @throws {ConfigError} when the text is too large, not YAML, or not a mapping
   */
  static parse(text: string, file: string): ConfigSection {
    const source = YamlSource.parse(text, file);
    return ConfigSection.fromValue(source, [], source.content ?? {});
  }

  /**
   * Reads a file that is a list of mappings; an empty file is an empty list.
   *
   * @throws {ConfigError} when the text is too large, not YAML, or not a list of mappings
   */
  static parseList(text: string, file: string): ConfigSection[] {
    const source = YamlSource.parse(text, file);
    const list = source.content ?? [];
    if (!Array.isArray(list))
      throw source.errorAt([], `is ${describeAt([], list)}, it must be a list`);
    return list.map((item, index) => ConfigSection.fromValue(source, [index], item));
  }

  private static fromValue(source: YamlSource, path: Path, value: unknown): ConfigSection {
    if (!isMapping(value)) {
      throw source.errorAt(
        path,
        `is ${describeAt(path, value)}, it must be a mapping of keys to values`,
      );
    }
    return new ConfigSection(source, path, value);
  }

  get file(): string {
    return this.source.file;
  }

  /** Warnings about the whole file so far, each with its place. */
  get warnings(): readonly string[] {
    return this.source.warnings;
  }

  /** Keeps a warning at the key; `detail` reads `has no effect here`. */
  warn(key: string, detail: string): void {
    this.source.warnAt([...this.path, key], detail);
  }

  /** Accepts keys that have no effect in this program, whatever their values, with a warning each. */
  ignore(keys: readonly string[]): void {
    for (const key of keys) if (this.has(key)) this.warn(key, "has no effect here");
  }

  /** Line of the key, from 1; without a key, of this section. */
  lineOf(key?: string): number | undefined {
    return this.source.lineAt(key === undefined ? this.path : [...this.path, key]);
  }

  /** The whole section as plain data, secrets included. */
  toObject(): Readonly<Record<string, unknown>> {
    return this.values;
  }

  keys(): string[] {
    return Object.keys(this.values);
  }

  /** False when the key is missing or its value is empty. */
  has(key: string): boolean {
    this.knownKeys.add(key);
    return this.values[key] !== undefined && this.values[key] !== null;
  }

  string(
    key: string,
    options: { default?: string; pattern?: RegExp; expected?: string } = {},
  ): string {
    if (!this.has(key)) return this.defaultOr(key, options.default);
    const text = this.textOf(key);
    if (options.pattern !== undefined && !options.pattern.test(text)) {
      this.fail(
        key,
        `is ${this.describe(key, text)}, it must be ${options.expected ?? `like ${options.pattern.source}`}`,
      );
    }
    return text;
  }

  oneOf<Choice extends string>(
    key: string,
    choices: readonly Choice[],
    options: { default?: Choice } = {},
  ): Choice {
    const text = this.string(key, options);
    const choice = choices.find((known) => known === text);
    if (choice !== undefined) return choice;
    return this.fail(
      key,
      `is ${this.describe(key, text)}, it must be one of ${choices.join(", ")}`,
    );
  }

  boolean(key: string, options: { default?: boolean } = {}): boolean {
    if (!this.has(key)) return this.defaultOr(key, options.default);
    const value = this.values[key];
    if (typeof value === "boolean") return value;
    // The words of YAML 1.1, which Go reads as booleans unless they are in quotes.
    if (typeof value === "string" && this.source.isPlainAt([...this.path, key])) {
      if (TRUE_WORD.test(value)) return true;
      if (FALSE_WORD.test(value)) return false;
    }
    return this.fail(key, `is ${this.describe(key, value)}, it must be true or false`);
  }

  number(key: string, options: NumberOptions = {}): number {
    if (!this.has(key)) return this.defaultOr(key, options.default);
    const value = this.numberAt(key);
    const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = options;
    if (typeof value !== "number" || !(value >= min && value <= max)) {
      return this.fail(
        key,
        `is ${this.describe(key, this.values[key])}, it must be a number${rangeText(min, max)}`,
      );
    }
    return value;
  }

  /** @param options.truncates a fraction is cut off, as Go does when it reads an integer */
  integer(key: string, options: NumberOptions & { readonly truncates?: boolean } = {}): number {
    const given = this.number(key, options);
    const value = options.truncates === true ? Math.trunc(given) : given;
    if (!Number.isSafeInteger(value)) this.fail(key, `is ${value}, it must be a whole number`);
    return value;
  }

  /** @returns milliseconds */
  durationMs(key: string, options: DurationOptions = {}): number {
    const text = this.string(key, options);
    const durationMs = this.attempt(key, () => parseDurationMs(text));
    if (options.min !== undefined && durationMs < parseDurationMs(options.min)) {
      this.fail(key, `is ${text}, it must be at least ${options.min}`);
    }
    if (options.max !== undefined && durationMs > parseDurationMs(options.max)) {
      this.fail(key, `is ${text}, it must be at most ${options.max}`);
    }
    return durationMs;
  }

  /** @returns bytes */
  byteSize(key: string, options: { default?: string } = {}): number {
    const text = this.string(key, options);
    return this.attempt(key, () => parseByteSize(text));
  }

  /** A list of strings. Empty items are left out, as in Go. */
  stringList(key: string, options: { default?: readonly string[] } = {}): string[] {
    if (!this.has(key)) return [...this.defaultOr(key, options.default)];
    const value = this.values[key];
    if (!Array.isArray(value)) {
      return this.fail(key, `is ${this.describe(key, value)}, it must be a list of texts`);
    }
    return value.flatMap((item, index) =>
      item === null ? [] : [this.textAt([...this.path, key, index], item)],
    );
  }

  /** True when the value of the key is written as a list. */
  isList(key: string): boolean {
    return this.has(key) && Array.isArray(this.values[key]);
  }

  /** A list of strings; a single string is a list of one. */
  strings(key: string, options: { default?: readonly string[] } = {}): string[] {
    if (!this.has(key)) return [...this.defaultOr(key, options.default)];
    const value = this.values[key];
    if (!Array.isArray(value)) return [this.textOf(key)];
    return value.map((_, index) => this.textAt([...this.path, key, index], value[index]));
  }

  /** A mapping of names to texts, such as labels; empty when the key is missing. */
  stringMap(key: string): Record<string, string> {
    if (!this.has(key)) return {};
    const value = this.values[key];
    const path = [...this.path, key];
    if (!isMapping(value))
      throw this.source.errorAt(path, `is ${describeAt(path, value)}, it must be a mapping`);
    const texts = Object.keys(value).map(
      (name) => [name, this.textAt([...path, name], value[name] ?? "")] as const,
    );
    return Object.fromEntries(texts);
  }

  /** An empty section when the key is missing, so that defaults apply. */
  section(key: string): ConfigSection {
    const value = this.has(key) ? this.values[key] : {};
    return ConfigSection.fromValue(this.source, [...this.path, key], value);
  }

  /**
   * A list of mappings; empty when the key is missing.
   *
   * @param options.skipsEmpty empty items are left out, as in rule files of Prometheus
   */
  sections(key: string, options: { readonly skipsEmpty?: boolean } = {}): ConfigSection[] {
    if (!this.has(key)) return [];
    const value = this.values[key];
    const path = [...this.path, key];
    if (!Array.isArray(value))
      throw this.source.errorAt(path, `is ${describeAt(path, value)}, it must be a list`);
    return value.flatMap((item, index) =>
      item === null && options.skipsEmpty === true
        ? []
        : [ConfigSection.fromValue(this.source, [...path, index], item)],
    );
  }

  /** @throws {ConfigError} at the key; `detail` reads `is X, it must be Y` */
  fail(key: string, detail: string): never {
    throw this.source.errorAt([...this.path, key], detail);
  }

  /**
   * Runs a parser of the value of `key`; an error that it throws becomes a {@link ConfigError} at
   * the key.
   */
  attempt<Result>(key: string, parse: () => Result): Result {
    try {
      return parse();
    } catch (error) {
      if (error instanceof ConfigError) throw error;
      throw this.source.errorAt([...this.path, key], messageOf(error), error);
    }
  }

  /** @throws {ConfigError} naming the first key that no getter has read */
  rejectUnknownKeys(): void {
    const unknown = this.keys().find((key) => !this.knownKeys.has(key));
    if (unknown === undefined) return;
    const known = [...this.knownKeys].sort().join(", ");
    this.fail(unknown, `is not a known key, the keys here are ${known === "" ? "none" : known}`);
  }

  private describe(key: string, value: unknown): string {
    return describeAt([...this.path, key], value);
  }

  private defaultOr<Value>(key: string, value: Value | undefined): Value {
    if (value === undefined)
      throw this.source.errorAt(this.path, `key "${key}" is missing, it is required`);
    return value;
  }

  /** Numbers of YAML 1.1 beside those of 1.2: `1_000`, and octal ones such as `010`. */
  private numberAt(key: string): unknown {
    const path = [...this.path, key];
    const value = this.values[key];
    const written = this.source.isPlainAt(path) ? this.source.writtenAt(path) : undefined;
    if (written === undefined || !OLDER_NUMBER.test(written)) return value;
    const digits = written.replace(/_/g, "");
    return /^[-+]?0\d/.test(digits) ? Number.parseInt(digits, 8) : Number(digits);
  }

  private textOf(key: string): string {
    return this.textAt([...this.path, key], this.values[key]);
  }

  /** Scalars that YAML reads as numbers or booleans are the text that the file has, as in Go. */
  private textAt(path: Path, value: unknown): string {
    if (typeof value === "string") return value;
    const written = value === null ? undefined : this.source.writtenAt(path);
    if (written !== undefined) return written;
    throw this.source.errorAt(path, `is ${describeAt(path, value)}, it must be a text`);
  }
}

function rangeText(min: number, max: number): string {
  if (Number.isFinite(min) && Number.isFinite(max)) return ` from ${min} to ${max}`;
  if (Number.isFinite(min)) return ` of at least ${min}`;
  return Number.isFinite(max) ? ` of at most ${max}` : "";
}
