import { printable, withoutUrlSecrets } from "../model/shown-text.js";

/** The syslog(3) severities this project uses; journald reads the number from a `<N>` prefix. */
const PRIORITIES = { error: 3, warn: 4, info: 6, debug: 7 } as const;
export type LogLevel = keyof typeof PRIORITIES;
export const LOG_LEVELS = ["error", "warn", "info", "debug"] as const satisfies readonly LogLevel[];

export type LogValue = string | number | boolean | undefined;
export type LogFields = Readonly<Record<string, LogValue>>;

export interface Logger {
  error(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
  /** Returns a logger that adds `fields` to every line. */
  child(fields: LogFields): Logger;
}

export interface LoggerOptions {
  readonly level: LogLevel;
  readonly wallMs: () => number;
  /** Receives one line without the line feed. */
  readonly write: (line: string) => void;
  /**
   * True for journald: lines start with a `<N>` prefix and have no time, which the journal adds.
   */
  readonly journald: boolean;
}

/**
 * Creates a logger that writes logfmt: `time=… level=… msg=… key=value`. Control characters are
 * escaped, so every message is one line; the secrets of URLs are hidden.
 */
export function createLogger(options: LoggerOptions, context: LogFields = {}): Logger {
  const log = (level: LogLevel, message: string, fields: LogFields = {}): void => {
    if (PRIORITIES[level] > PRIORITIES[options.level]) return;
    const head: LogFields = options.journald
      ? { level, msg: message }
      : { time: new Date(options.wallMs()).toISOString(), level, msg: message };
    const prefix = options.journald ? `<${PRIORITIES[level]}>` : "";
    options.write(prefix + formatLogfmt({ ...head, ...context, ...fields }));
  };
  return {
    error: (message, fields) => log("error", message, fields),
    warn: (message, fields) => log("warn", message, fields),
    info: (message, fields) => log("info", message, fields),
    debug: (message, fields) => log("debug", message, fields),
    child: (fields) => createLogger(options, { ...context, ...fields }),
  };
}

export function formatLogfmt(fields: LogFields): string {
  return Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${formatValue(String(value))}`)
    .join(" ");
}

function formatValue(text: string): string {
  const value = withoutUrlSecrets(text);
  return /^[^\s"=\\\p{Cc}\p{Cf}]+$/u.test(value) ? value : printable(JSON.stringify(value));
}

/** Discards all messages. */
export const silentLogger: Logger = {
  error: () => undefined,
  warn: () => undefined,
  info: () => undefined,
  debug: () => undefined,
  child: () => silentLogger,
};
