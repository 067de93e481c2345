import { isScalar, LineCounter, parseDocument, type Document } from "yaml";
import { parseByteSize } from "../model/byte-size.js";
import { parseDurationMs } from "../model/duration.js";
import { messageOf, PihealthError } from "../model/errors.js";

/** Largest configuration or rule file read. */
export const MAX_CONFIG_BYTES = 1_048_576;
const MAX_ALIASES = 100; // Expanded aliases in one document: ordinary anchors pass, an alias bomb does not.
/** Keys whose values no message may show, whatever is wrong with them. */
const SECRET_KEYS = /^(.*password|.*secret|.*token|credentials|basic_auth|authorization|key)$/;

/** A configuration file is not acceptable. The message names file, line, key, what is there and what must be. */
export class ConfigError extends PihealthError {
  readonly code = "bad_config";

  constructor(
    readonly file: string,
    /** From 1; undefined when no place can be named. */
    readonly line: number | undefined,
    detail: string,
    options?: ErrorOptions,
  ) {
    super(`Cannot load "${file}"${line === undefined ? "" : `, line ${line}`}: ${detail}`, options);
  }
}

type Path = readonly (string | number)[];

interface Source {
  readonly file: string;
  readonly document: Document;
  readonly lines: LineCounter;
}

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
 * One mapping of a YAML file, read key by key. Each getter takes the key as known; `rejectUnknownKeys` makes what is
 * left an error. Getters without a default require the key.
 */
export class ConfigSection {
  private readonly knownKeys = new Set<string>();

  private constructor(
    private readonly source: Source,
    private readonly path: Path,
    private readonly values: Readonly<Record<string, unknown>>,
  ) {}

  /**
   * @param file name for messages
   * @throws {ConfigError} when the text is too large, not YAML, or not a mapping; an empty file is an empty mapping
   */
  static parse(text: string, file: string): ConfigSection {
    const { source, content } = parseYaml(text, file);
    return ConfigSection.fromValue(source, [], content ?? {});
  }

  /**
   * Reads a file that is a list of mappings; an empty file is an empty list.
   *
   * @throws {ConfigError} when the text is too large, not YAML, or no such list
   */
  static parseList(text: string, file: string): ConfigSection[] {
    const { source, content } = parseYaml(text, file);
    const list = content ?? [];
    if (!Array.isArray(list))
      throw errorAt(source, [], `is ${describeAt([], list)}, it must be a list`);
    return list.map((item, index) => ConfigSection.fromValue(source, [index], item));
  }

  private static fromValue(source: Source, path: Path, value: unknown): ConfigSection {
    if (!isMapping(value)) {
      throw errorAt(
        source,
        path,
        `is ${describeAt(path, value)}, it must be a mapping of keys to values`,
      );
    }
    return new ConfigSection(source, path, value);
  }

  get file(): string {
    return this.source.file;
  }

  /** Line of the key, from 1, or of this section without a key. */
  lineOf(key?: string): number | undefined {
    return lineAt(this.source, key === undefined ? this.path : [...this.path, key]);
  }

  /** The whole section as plain data, secrets included. */
  toObject(): Readonly<Record<string, unknown>> {
    return this.values;
  }

  keys(): string[] {
    return Object.keys(this.values);
  }

  /** False too when the key is there with an empty value. */
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
    if (!(choices as readonly string[]).includes(text)) {
      this.fail(key, `is ${this.describe(key, text)}, it must be one of ${choices.join(", ")}`);
    }
    return text as Choice;
  }

  boolean(key: string, options: { default?: boolean } = {}): boolean {
    if (!this.has(key)) return this.defaultOr(key, options.default);
    const value = this.values[key];
    if (typeof value === "boolean") return value;
    if (value === "yes" || value === "on") return true;
    if (value === "no" || value === "off") return false;
    return this.fail(key, `is ${this.describe(key, value)}, it must be true or false`);
  }

  number(key: string, options: NumberOptions = {}): number {
    if (!this.has(key)) return this.defaultOr(key, options.default);
    const value = this.values[key];
    const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = options;
    if (typeof value !== "number" || !(value >= min && value <= max)) {
      return this.fail(
        key,
        `is ${this.describe(key, value)}, it must be a number${rangeText(min, max)}`,
      );
    }
    return value;
  }

  integer(key: string, options: NumberOptions = {}): number {
    const value = this.number(key, options);
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

  /** A list of strings; one string alone counts as a list of one. */
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
      throw errorAt(this.source, path, `is ${describeAt(path, value)}, it must be a mapping`);
    const texts = Object.keys(value).map(
      (name) => [name, this.textAt([...path, name], value[name])] as const,
    );
    return Object.fromEntries(texts);
  }

  /** An empty section when the key is missing, so that defaults apply. */
  section(key: string): ConfigSection {
    const value = this.has(key) ? this.values[key] : {};
    return ConfigSection.fromValue(this.source, [...this.path, key], value);
  }

  /** A list of mappings; empty when the key is missing. */
  sections(key: string): ConfigSection[] {
    if (!this.has(key)) return [];
    const value = this.values[key];
    const path = [...this.path, key];
    if (!Array.isArray(value))
      throw errorAt(this.source, path, `is ${describeAt(path, value)}, it must be a list`);
    return value.map((item, index) => ConfigSection.fromValue(this.source, [...path, index], item));
  }

  /** Throws a {@link ConfigError} at the key; `detail` reads `is X, it must be Y`. */
  fail(key: string, detail: string): never {
    throw errorAt(this.source, [...this.path, key], detail);
  }

  /** Runs a parser of the value of `key`; what it throws becomes a {@link ConfigError} at the key. */
  attempt<Result>(key: string, parse: () => Result): Result {
    try {
      return parse();
    } catch (error) {
      if (error instanceof ConfigError) throw error;
      throw errorAt(this.source, [...this.path, key], messageOf(error), error);
    }
  }

  /** @throws {ConfigError} naming the first key no getter asked for */
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
      throw errorAt(this.source, this.path, `key "${key}" is missing, it is required`);
    return value;
  }

  private textOf(key: string): string {
    return this.textAt([...this.path, key], this.values[key]);
  }

  /** Scalars that YAML reads as numbers or booleans count as the text they were written as, as in Go. */
  private textAt(path: Path, value: unknown): string {
    if (typeof value === "string") return value;
    const node = this.source.document.getIn(path, true);
    if (isScalar(node) && typeof node.source === "string" && value !== null) return node.source;
    throw errorAt(this.source, path, `is ${describeAt(path, value)}, it must be a text`);
  }
}

function parseYaml(text: string, file: string): { source: Source; content: unknown } {
  if (Buffer.byteLength(text) > MAX_CONFIG_BYTES) {
    throw new ConfigError(file, undefined, `it is larger than ${MAX_CONFIG_BYTES} bytes`);
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: true });
  const problem = document.errors[0];
  if (problem !== undefined)
    throw new ConfigError(file, lines.linePos(problem.pos[0]).line, problem.message);
  try {
    return {
      source: { file, document, lines },
      content: document.toJS({ maxAliasCount: MAX_ALIASES }) as unknown,
    };
  } catch (error) {
    throw new ConfigError(file, undefined, messageOf(error), { cause: error });
  }
}

function errorAt(source: Source, path: Path, detail: string, cause?: unknown): ConfigError {
  const place = path.length === 0 ? "the file" : `key ${formatPath(path)}`;
  return new ConfigError(source.file, lineAt(source, path), `${place} ${detail}`, { cause });
}

/** Line of the node, or of the nearest one around it that has a place. */
function lineAt({ document, lines }: Source, path: Path): number | undefined {
  for (let length = path.length; length >= 0; length--) {
    const node = length === 0 ? document.contents : document.getIn(path.slice(0, length), true);
    if (typeof node === "object" && node !== null && "range" in node && Array.isArray(node.range)) {
      return lines.linePos(node.range[0] as number).line;
    }
  }
  return undefined;
}

function formatPath(path: Path): string {
  return path
    .map((part, index) =>
      typeof part === "number" ? `[${part}]` : index === 0 ? part : `.${part}`,
    )
    .join("");
}

/** A value as a message shows it: secrets and what may hold them stay out. */
function describeAt(path: Path, value: unknown): string {
  if (value === undefined || value === null) return "missing";
  if (path.some((part) => typeof part === "string" && SECRET_KEYS.test(part))) return "<secret>";
  if (Array.isArray(value)) return "a list";
  if (isMapping(value)) return "a mapping";
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function rangeText(min: number, max: number): string {
  if (Number.isFinite(min) && Number.isFinite(max)) return ` from ${min} to ${max}`;
  if (Number.isFinite(min)) return ` of at least ${min}`;
  return Number.isFinite(max) ? ` of at most ${max}` : "";
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
