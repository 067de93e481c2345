import { parseArgs, type ParseArgsConfig } from "node:util";
import { messageOf, UsageError } from "../model/errors.js";
import { LOG_LEVELS, type LogLevel } from "../platform/logger.js";

/**
 * Reads the command line of a program.
 *
 * @param usage printed after the message when the command line is not valid
 * @throws {UsageError} when an option is unknown, lacks its value, or an argument is left over
 */
export function readOptions<Options extends NonNullable<ParseArgsConfig["options"]>>(
  argv: readonly string[],
  options: Options,
  usage: string,
): ReturnType<typeof parseArgs<{ options: Options; strict: true }>>["values"] {
  try {
    return parseArgs({ args: [...argv], options, strict: true }).values;
  } catch (error) {
    // The rest explains how to write an argument like an option.
    const [reason] = messageOf(error).split(". ");
    throw new UsageError(`Cannot read the command line: ${reason}`, usage, { cause: error });
  }
}

/** @throws {UsageError} when there is no such level */
export function parseLogLevel(text: string | undefined, usage: string): LogLevel | undefined {
  if (text === undefined) return undefined;
  const level = LOG_LEVELS.find((known) => known === text);
  if (level !== undefined) return level;
  throw new UsageError(
    `Cannot use log level "${text}": it must be error, warn, info or debug`,
    usage,
  );
}
