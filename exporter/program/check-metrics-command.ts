/**
 * `pihealth check metrics`: every rule of its format that a file of metrics breaks, with the line.
 */
import type { ExpositionFormat } from "../shared/codec/exposition/exposition-parser-labels.js";
import {
  checkExposition,
  MAX_PROBLEMS,
} from "../shared/codec/exposition/exposition-parser-strict.js";
import { readGivenBytes } from "../shared/config/given-file.js";
import { BadInputError } from "../shared/model/errors.js";
import type { Files } from "../shared/platform/files.js";

/** More than any exporter serves; `MAX_BODY_BYTES` of a scrape is a quarter of this. */
const MAX_INPUT_BYTES = 268_435_456;
const END_OF_OPENMETRICS = /(^|\n)# EOF\n?$/;
const FORMAT_NAMES: Readonly<Record<ExpositionFormat, string>> = {
  text: "Prometheus text",
  openmetrics: "OpenMetrics",
};

export interface CheckMetricsParts {
  readonly files: Files;
  readonly standardInput: AsyncIterable<Uint8Array>;
  readonly writeLine: (line: string) => void;
}

/**
 * Writes one line per problem and one with the result.
 *
 * @param file `-` is standard input
 * @param wantedFormat undefined: OpenMetrics when the last line is `# EOF`, text otherwise
 * @returns true when there is no problem
 * @throws {BadInputError} when the file cannot be read or is too large
 */
export async function checkMetrics(
  file: string,
  wantedFormat: ExpositionFormat | undefined,
  { files, standardInput, writeLine }: CheckMetricsParts,
): Promise<boolean> {
  const name = file === "-" ? "standard input" : file;
  const body =
    file === "-" ? await readAll(standardInput) : Buffer.from(await readGivenBytes(file, files));
  const format = wantedFormat ?? formatOf(body);
  const { problems, families, samples } = checkExposition(body, format);
  for (const { line, detail } of problems) writeLine(`${name}:${line}: ${detail}`);
  if (problems.length === 0) {
    const found = `${counted(families, "family", "families")}, ${counted(samples, "sample")}`;
    writeLine(`SUCCESS: ${name} is valid as ${FORMAT_NAMES[format]}: ${found}`);
    return true;
  }
  const more = problems.length === MAX_PROBLEMS ? " or more" : "";
  const found = counted(problems.length, `problem${more}`, `problems${more}`);
  writeLine(`FAILED: ${name} is not valid as ${FORMAT_NAMES[format]}: ${found}`);
  return false;
}

async function readAll(input: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of input) {
    bytes += chunk.length;
    if (bytes > MAX_INPUT_BYTES) {
      throw new BadInputError(
        `Cannot check standard input: it has more than ${MAX_INPUT_BYTES} bytes`,
      );
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function formatOf(body: Buffer): ExpositionFormat {
  const tail = body.toString("latin1", Math.max(0, body.length - 16));
  return END_OF_OPENMETRICS.test(tail) ? "openmetrics" : "text";
}

const counted = (count: number, one: string, many = `${one}s`): string =>
  `${count} ${count === 1 ? one : many}`;
