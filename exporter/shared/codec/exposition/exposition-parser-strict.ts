import { errorWith, type ExpositionError } from "./exposition-parser-error.js";
import {
  endWithLineFeed,
  ENTRY,
  ExpositionReader,
  type EntryKind,
} from "./exposition-parser-reader.js";
import {
  createFamily,
  suffixesOf,
  type Family,
  type StrictSample,
} from "./exposition-parser-strict-family.js";

const MAX_EXEMPLAR_CODE_POINTS = 128; // OpenMetrics 1.0, "Exemplars".

/**
 * Checks a body against every rule of OpenMetrics 1.0, those between lines included: metadata before samples, families
 * and groups in one piece, values a type allows, complete histograms. Scraping is content with less, as Prometheus is.
 *
 * @throws {ExpositionError} at the first line that breaks a rule
 */
export function validateOpenMetrics(body: Buffer | string): void {
  const bytes = endWithLineFeed(Buffer.from(body));
  const validator = new OpenMetricsValidator(bytes, new ExpositionReader(bytes, "openmetrics"));
  validator.run();
}

class OpenMetricsValidator {
  private family: Family | undefined;
  /** Names that families so far use, with every suffix of their type. */
  private readonly takenNames = new Set<string>();

  constructor(
    private readonly body: Buffer,
    private readonly reader: ExpositionReader,
  ) {}

  run(): void {
    for (let kind = this.reader.next(); kind !== ENTRY.end; kind = this.reader.next()) {
      const problem = kind === ENTRY.sample ? this.takeSample() : this.takeMetadata(kind);
      if (problem !== undefined) throw this.error(problem);
    }
    this.closeFamily();
  }

  private takeMetadata(kind: EntryKind): string | undefined {
    const { metric, text } = this.reader;
    if (this.family?.name !== metric) this.openFamily(metric);
    const family = this.family as Family;
    if (family.hasSamples) return `metadata of "${metric}" follows its samples, it must come first`;
    const key = kind === ENTRY.type ? "type" : kind === ENTRY.help ? "help" : "unit";
    if (family.metadata[key] !== undefined)
      return `# ${key.toUpperCase()} of "${metric}" is repeated`;
    family.metadata[key] = text;
    return family.metadataProblem();
  }

  private takeSample(): string | undefined {
    const written = this.reader.labels();
    const sample: StrictSample = {
      name: written.labels.name,
      labels: written.labels,
      emptyNames: written.emptyNames,
      value: this.reader.value,
      timestampMs: this.reader.timestampMs,
      hasExemplar: this.reader.hasExemplar,
    };
    if (this.family?.owns(sample.name) !== true) this.openFamily(sample.name);
    return (this.family as Family).sampleProblem(sample) ?? this.exemplarProblem();
  }

  private exemplarProblem(): string | undefined {
    const exemplar = this.reader.exemplar();
    if (exemplar === undefined) return undefined;
    const text = exemplar.labels.labels.pairs.flat().concat(exemplar.labels.emptyNames).join("");
    const codePoints = [...text].length;
    if (codePoints <= MAX_EXEMPLAR_CODE_POINTS) return undefined;
    return `the exemplar's labels have ${codePoints} characters, they must have at most ${MAX_EXEMPLAR_CODE_POINTS}`;
  }

  private openFamily(name: string): void {
    this.closeFamily();
    if (this.takenNames.has(name))
      throw this.error(`"${name}" belongs to a metric family that has ended`);
    this.family = createFamily(name);
  }

  /** What is wrong with the family as a whole is reported at the line that ends it. */
  private closeFamily(): void {
    const { family } = this;
    if (family === undefined) return;
    const problem = family.closingProblem();
    if (problem !== undefined) throw this.error(problem);
    for (const name of new Set([
      family.name,
      ...suffixesOf(family.type).map((suffix) => family.name + suffix),
    ])) {
      if (this.takenNames.has(name)) throw this.error(`"${name}" is used by two metric families`);
      this.takenNames.add(name);
    }
  }

  private error(detail: string): ExpositionError {
    return errorWith(this.body, Math.min(this.reader.lineStart, this.body.length), detail);
  }
}
