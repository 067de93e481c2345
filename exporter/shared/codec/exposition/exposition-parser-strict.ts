/**
 * Checks a whole body against every rule of its format, rules between lines included: metadata before
 * samples, families in one piece, unique samples, complete histograms. Scraping accepts more, as
 * Prometheus does. `pihealth check metrics` and the tests call it.
 */
import { errorWith, ExpositionError } from "./exposition-parser-error.js";
import type { ExpositionFormat } from "./exposition-parser-labels.js";
import {
  endWithLineFeed,
  ENTRY,
  ExpositionReader,
  type EntryKind,
} from "./exposition-parser-reader.js";
import {
  type MetricFamily,
  OpenMetricsFamily,
  type StrictSample,
} from "./exposition-parser-strict-family.js";
import { TextFamily } from "./exposition-parser-strict-text.js";

/** Most problems that are looked for in one body. */
export const MAX_PROBLEMS = 100;
const MAX_EXEMPLAR_CODE_POINTS = 128; // OpenMetrics 1.0, "Exemplars".
const LINE_FEED = 10;

export interface ExpositionCheck {
  /** In the order of the lines, at most `MAX_PROBLEMS`; empty when the body is valid. */
  readonly problems: readonly ExpositionError[];
  readonly families: number;
  readonly samples: number;
}

/** Checks every line; a line that breaks a rule does not hide those after it. */
export function checkExposition(body: Buffer | string, format: ExpositionFormat): ExpositionCheck {
  return new ExpositionValidator(endWithLineFeed(Buffer.from(body)), format).run();
}

/** @throws {ExpositionError} at the first line that breaks a rule of OpenMetrics 1.0 */
export function validateOpenMetrics(body: Buffer | string): void {
  const [problem] = checkExposition(body, "openmetrics").problems;
  if (problem !== undefined) throw problem;
}

class ExpositionValidator {
  private readonly reader: ExpositionReader;
  private readonly problems: ExpositionError[] = [];
  /** Names that families so far use, with every suffix of their type. */
  private readonly takenNames = new Set<string>();
  private family: MetricFamily | undefined;
  /** True for a family whose name had ended before: that is reported once. */
  private isReopened = false;
  private families = 0;
  private samples = 0;

  constructor(
    private readonly body: Buffer,
    private readonly format: ExpositionFormat,
  ) {
    this.reader = new ExpositionReader(body, format);
  }

  run(): ExpositionCheck {
    while (this.problems.length < MAX_PROBLEMS && this.takeEntry());
    this.closeFamily();
    const problems = this.problems.slice(0, MAX_PROBLEMS);
    return { problems, families: this.families, samples: this.samples };
  }

  /** @returns false at the end of the body */
  private takeEntry(): boolean {
    const { reader } = this;
    try {
      const kind = reader.next();
      if (kind === ENTRY.end) return false;
      if (kind === ENTRY.sample) this.takeSample();
      else if (kind !== ENTRY.comment) this.takeMetadata(kind);
    } catch (error) {
      if (!(error instanceof ExpositionError)) throw error;
      this.problems.push(error);
      const lineEnd = this.body.indexOf(LINE_FEED, reader.lineStart);
      if (lineEnd < 0) return false;
      reader.moveTo(lineEnd + 1);
    }
    return true;
  }

  private takeMetadata(kind: EntryKind): void {
    const { metric, text } = this.reader;
    const known = this.family;
    const family = known?.name === metric ? known : this.openFamily(metric);
    const key = kind === ENTRY.type ? "type" : kind === ENTRY.help ? "help" : "unit";
    if (family.hasSamples) {
      this.report(`metadata of "${metric}" follows its samples, it must come first`);
    } else if (family.metadata[key] !== undefined) {
      this.report(`# ${key.toUpperCase()} of "${metric}" is repeated`);
    } else {
      family.metadata[key] = text;
      this.report(family.metadataProblem());
    }
  }

  private takeSample(): void {
    const { labels, emptyNames } = this.reader.labels();
    const { name } = labels;
    const { value, timestampMs, hasExemplar } = this.reader;
    const sample: StrictSample = { name, labels, emptyNames, value, timestampMs, hasExemplar };
    const known = this.family;
    const family = known !== undefined && owns(known, name) ? known : this.openFamily(name);
    this.samples++;
    this.report(family.sampleProblem(sample) ?? this.exemplarProblem());
  }

  private exemplarProblem(): string | undefined {
    const exemplar = this.reader.exemplar();
    if (exemplar === undefined) return undefined;
    const text = exemplar.labels.labels.pairs.flat().concat(exemplar.labels.emptyNames).join("");
    const codePoints = [...text].length;
    if (codePoints <= MAX_EXEMPLAR_CODE_POINTS) return undefined;
    return `the exemplar's labels have ${codePoints} characters, they must have at most ${MAX_EXEMPLAR_CODE_POINTS}`;
  }

  private openFamily(name: string): MetricFamily {
    this.closeFamily();
    this.isReopened = this.takenNames.has(name);
    if (this.isReopened) this.report(`"${name}" belongs to a metric family that has ended`);
    const family = this.format === "text" ? new TextFamily(name) : new OpenMetricsFamily(name);
    this.family = family;
    this.families++;
    return family;
  }

  /** A broken rule about the family as a whole is reported at the line that ends it. */
  private closeFamily(): void {
    const { family } = this;
    if (family === undefined) return;
    this.family = undefined;
    this.report(family.closingProblem());
    if (this.isReopened) return;
    const names = new Set([family.name, ...family.suffixes.map((suffix) => family.name + suffix)]);
    for (const name of names) {
      if (this.takenNames.has(name)) this.report(`"${name}" is used by two metric families`);
      this.takenNames.add(name);
    }
  }

  private report(problem: string | undefined): void {
    if (problem === undefined) return;
    const at = Math.min(this.reader.lineStart, this.body.length);
    this.problems.push(errorWith(this.body, at, problem));
  }
}

const owns = ({ name, suffixes }: MetricFamily, sampleName: string): boolean =>
  sampleName.startsWith(name) && suffixes.includes(sampleName.slice(name.length));
