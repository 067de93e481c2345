/** A YAML text with the places of its nodes. */
import {
  Composer,
  isAlias,
  isScalar,
  LineCounter,
  Parser,
  Scalar,
  stringify,
  type CST,
  type Document,
} from "yaml";
import { messageOf, PihealthError } from "../model/errors.js";
import { isSecretKey } from "../model/secret-keys.js";
import { withoutUrlSecrets } from "../model/shown-text.js";
import { createLenientLexer } from "./yaml-lexer.js";

/** Largest configuration or rule file that is read. */
export const MAX_CONFIG_BYTES = 1_048_576;
/** Expanded aliases in one document. Ordinary anchors need few, an alias bomb needs many. */
const MAX_ALIASES = 100;
/** Receivers, in whose URLs the path is often a key. */
const RECEIVERS = /(?<!_sd|scrape)_configs$/;
/** The part of a key that a message shows: what follows may be a value whose colon is missing. */
const PLAIN_KEY = /^[\w.-]{0,60}/;

/**
 * A configuration file is not valid. The message names file, line, key, what is there and what must
 * be.
 */
export class ConfigError extends PihealthError {
  readonly code = "bad_config";

  constructor(
    readonly file: string,
    /** From 1; undefined when the place is not known. */
    readonly line: number | undefined,
    detail: string,
    options?: ErrorOptions,
  ) {
    const place = line === undefined ? "" : `, line ${line}`;
    super(`Cannot load "${file}"${place}: ${withoutUrlSecrets(detail)}`, options);
  }
}

export type Path = readonly (string | number)[];

export class YamlSource {
  /** Things that are accepted although they have no effect, each with its place. */
  readonly warnings: string[] = [];

  private constructor(
    /** Name for messages. */
    readonly file: string,
    /** Plain data; undefined or null when the file is empty. */
    readonly content: unknown,
    private readonly document: Document | undefined,
    private readonly lines: LineCounter,
  ) {}

  /**
   * Reads the first document of a text. Others are ignored with a warning, as in Prometheus.
   *
   * @throws {ConfigError} when the text is too large or not YAML
   */
  static parse(text: string, file: string): YamlSource {
    if (Buffer.byteLength(text) > MAX_CONFIG_BYTES) {
      throw new ConfigError(file, undefined, `it is larger than ${MAX_CONFIG_BYTES} bytes`);
    }
    const lines = new LineCounter();
    const [document, isFollowed] = composeFirst(text, lines);
    if (document === undefined) return new YamlSource(file, undefined, undefined, lines);
    const [problem] = document.errors;
    if (problem !== undefined)
      throw new ConfigError(
        file,
        lines.linePos(problem.pos[0]).line,
        withoutContent(problem.message),
      );
    try {
      const content: unknown = document.toJS({ maxAliasCount: MAX_ALIASES });
      const source = new YamlSource(file, content, document, lines);
      if (isFollowed)
        source.warnings.push(`"${file}" has more than one document: only the first is read`);
      return source;
    } catch (error) {
      // The cause repeats the content of the file.
      throw new ConfigError(file, undefined, withoutContent(messageOf(error)));
    }
  }

  /** The text of a scalar as the file has it; undefined for any other node. */
  writtenAt(path: Path): string | undefined {
    const node = this.nodeAt(path);
    return isScalar(node) && typeof node.source === "string" ? node.source : undefined;
  }

  /** True for a scalar without quotes and without block style. */
  isPlainAt(path: Path): boolean {
    const node = this.nodeAt(path);
    return isScalar(node) && node.type === Scalar.PLAIN;
  }

  private nodeAt(path: Path): unknown {
    const node: unknown = this.document?.getIn(path, true);
    return isAlias(node) && this.document !== undefined ? node.resolve(this.document) : node;
  }

  /** Line of the node, from 1, or of the nearest node around it that has a place. */
  lineAt(path: Path): number | undefined {
    for (let length = path.length; length >= 0; length--) {
      const start = startOf(
        length === 0 ? this.document?.contents : this.document?.getIn(path.slice(0, length), true),
      );
      if (start !== undefined) return this.lines.linePos(start).line;
    }
    return undefined;
  }

  /** Keeps a warning about the node at `path`; `detail` reads `has no effect here`. */
  warnAt(path: Path, detail: string): void {
    const line = this.lineAt(path);
    const place = line === undefined ? "" : `, line ${line}`;
    this.warnings.push(`"${this.file}"${place}: key ${formatPath(path)} ${detail}`);
  }

  /** The error for the node at `path`; `detail` reads `is X, it must be Y`. */
  errorAt(path: Path, detail: string, cause?: unknown): ConfigError {
    const place = path.length === 0 ? "the file" : `key ${formatPath(path)}`;
    const value: unknown = isSecretAt(path) ? this.document?.getIn(path) : undefined;
    const isShown = typeof value === "string" && value.length > 2 && detail.includes(value);
    const shown = isShown ? detail.replaceAll(value, "<secret>") : detail;
    // The text of a cause might be shown as well.
    const options = isShown || withoutUrlSecrets(detail) !== detail ? {} : { cause };
    return new ConfigError(this.file, this.lineAt(path), `${place} ${shown}`, options);
  }
}

/** @returns the first document, and whether another follows; undefined when there is none */
function composeFirst(text: string, lines: LineCounter): [Document | undefined, boolean] {
  const composer = new Composer({ merge: true });
  const [first, second] = composer.compose(parseTokens(text, lines), true, text.length);
  return [first, second !== undefined];
}

function* parseTokens(text: string, lines: LineCounter): Generator<CST.Token> {
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  for (const lexeme of createLenientLexer().lex(text)) yield* parser.next(lexeme);
  yield* parser.end();
}

function startOf(node: unknown): number | undefined {
  if (typeof node !== "object" || node === null || !("range" in node)) return undefined;
  const start: unknown = Array.isArray(node.range) ? node.range[0] : undefined;
  return typeof start === "number" ? start : undefined;
}

function formatPath(path: Path): string {
  return path
    .map((part, index) =>
      typeof part === "number" ? `[${part}]` : `${index === 0 ? "" : "."}${shownKey(part)}`,
    )
    .join("");
}

function shownKey(key: string): string {
  const [plain = ""] = PLAIN_KEY.exec(key) ?? [];
  return plain === key ? key : `${plain}...`;
}

/** True when the value at the path, or something around it, is a secret. */
function isSecretAt(path: Path): boolean {
  const keys = path.filter((part) => typeof part === "string");
  const isReceiverUrl =
    keys.at(-1)?.endsWith("url") === true && keys.some((key) => RECEIVERS.test(key));
  return isReceiverUrl || keys.some(isSecretKey);
}

/** A message of the YAML parser without the text of the file that it repeats. */
function withoutContent(message: string): string {
  return message.replace(/: [^]*$/, "").replace(/(["'`])(?:(?!\1)[^]){3,}\1/g, "...");
}

/** A value as a message shows it, without secrets. */
export function describeAt(path: Path, value: unknown): string {
  if (value === undefined || value === null) return "missing";
  if (Array.isArray(value)) return "a list";
  if (isMapping(value)) return "a mapping";
  if (isSecretAt(path)) return "<secret>";
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

export function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Writes plain data as YAML, lists indented as in the files of Prometheus. Ends with a line feed.
 */
export function renderYaml(data: unknown): string {
  return stringify(data, { lineWidth: 0, aliasDuplicateObjects: false });
}
