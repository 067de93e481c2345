/** Base of every error this project throws on purpose. Decide by class or `code`, never by the text. */
export abstract class PihealthError extends Error {
  abstract readonly code: string;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/**
 * Input from outside (an argument, a request, a user's file) is not valid. The message says what is
 * expected.
 */
export class BadInputError extends PihealthError {
  readonly code = "bad_input";
}

/** The command line is not valid: the program prints the message and the usage, and ends with code 2. */
export class UsageError extends BadInputError {
  constructor(
    message: string,
    /** How the command is used. */
    readonly usage: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The message of anything thrown, for logs and for wrapping. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * The message of anything thrown; of a bug also the stack, which says where it is. Causes and further
 * properties are left out, because they may repeat URLs and bodies.
 */
export function traceOf(error: unknown): string {
  const isBug = error instanceof Error && !(error instanceof PihealthError);
  return isBug ? (error.stack ?? error.message) : messageOf(error);
}

/** The `code` of a system or project error (`ENOENT`, `corrupt_file`), or undefined when it carries none. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/** True when the system denied access: this user may not read or write the file. */
export function isPermissionError(error: unknown): boolean {
  const origin = error instanceof Error && error.cause !== undefined ? error.cause : error;
  return ["EACCES", "EPERM"].includes(codeOf(origin) ?? "");
}
