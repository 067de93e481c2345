/** The only way to standard output and standard error: what peers sent cannot manipulate a terminal. */
import { printable, printableText, withoutUrlSecrets } from "../model/shown-text.js";

/** Writes one line of a result. Line feeds in it are escaped, so a value cannot add a line. */
export function writeLine(line: string): void {
  process.stdout.write(`${line.split("\t").map(printable).join("\t")}\n`);
}

/** Writes a text of several lines that this program made, such as a usage. */
export function writeText(text: string): void {
  process.stdout.write(printableText(text));
}

/** Writes data as it is to a file or a pipe; on a terminal like a text. Calls back when it is taken. */
export function writeData(text: string, onTaken: (error?: Error | null) => void): void {
  const { stdout } = process;
  stdout.write(stdout.isTTY ? printableText(text) : text, onTaken);
}

/** Writes one line about an error or a fact beside the result, without the secrets of its URLs. */
export function writeErrorLine(line: string): void {
  process.stderr.write(`${printable(withoutUrlSecrets(line))}\n`);
}

/** Writes an error of several lines: a message with the usage, or the stack of a bug. */
export function writeErrorText(text: string): void {
  process.stderr.write(printableText(withoutUrlSecrets(text)));
}

/** Writes a line that the logger has made, which escapes and hides itself. */
export function writeLogLine(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Shows progress on a terminal, in the line of the cursor. Nothing is shown elsewhere. */
export const progress = {
  show(text: string): void {
    if (process.stderr.isTTY) process.stderr.write(`\r${printable(text)}`);
  },
  end(): void {
    if (process.stderr.isTTY) process.stderr.write("\n");
  },
};
