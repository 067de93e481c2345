import path from "node:path";
import { ConfigSection } from "../../exporter/shared/config/config-section.js";
import { MAX_CONFIG_BYTES } from "../../exporter/shared/config/yaml-source.js";
import {
  BadInputError,
  codeOf,
  messageOf,
  PihealthError,
} from "../../exporter/shared/model/errors.js";
import type { GroupSource, SourceParts } from "./group-source.js";
import type { FileDiscovery } from "./discoveries-config.js";
import { parseTargetGroup, parseTargetGroupsJson, type TargetGroup } from "./target-group.js";

const MAX_JSON_BYTES = 33_554_432;
const MAX_FILES = 1000; // Per file_sd_configs entry.

interface KnownFile {
  /** Size and time at the last read. An unchanged file is not read again. */
  readonly facts: string;
  readonly groups: readonly TargetGroup[];
  readonly problem: string;
}

/** Targets from files that other programs write. */
export class FileSource implements GroupSource {
  readonly origin: string;
  readonly refreshMs: number;
  failures = 0;
  private known = new Map<string, KnownFile>();
  private listProblem = "";

  constructor(
    private readonly discovery: FileDiscovery,
    private readonly parts: SourceParts,
  ) {
    this.origin = discovery.patterns.join(", ");
    this.refreshMs = discovery.refreshMs;
  }

  groups(): readonly TargetGroup[] {
    return [...this.known.values()].flatMap(({ groups }) => groups);
  }

  async refresh(): Promise<boolean> {
    const before = [...this.known.values()].map(({ groups }) => groups);
    const next = new Map<string, KnownFile>();
    for (const file of await this.listFiles()) {
      const known = await this.readFile(file, this.known.get(file));
      if (known !== undefined) next.set(file, known);
    }
    this.known = next;
    const after = [...next.values()].map(({ groups }) => groups);
    return (
      before.length !== after.length || after.some((groups, index) => groups !== before[index])
    );
  }

  private async listFiles(): Promise<string[]> {
    const found = new Set<string>();
    for (const pattern of this.discovery.patterns) {
      for (const file of await this.expand(pattern)) found.add(file);
    }
    return [...found].sort().slice(0, MAX_FILES);
  }

  private async expand(pattern: string): Promise<string[]> {
    const name = path.basename(pattern);
    if (!name.includes("*")) return [pattern];
    const folder = path.dirname(pattern);
    try {
      const entries = await this.parts.files.list(folder);
      const matches = patternMatcher(name);
      this.listProblem = "";
      return entries
        .filter((entry) => !entry.isFolder && matches(entry.name))
        .map((entry) => path.join(folder, entry.name));
    } catch (error) {
      this.failures++;
      if (this.listProblem === "") {
        this.parts.log.warn("Cannot list discovery files", { pattern, error: messageOf(error) });
      }
      this.listProblem = messageOf(error);
      return [...this.known.keys()].filter((file) => path.dirname(file) === folder);
    }
  }

  private async readFile(
    file: string,
    known: KnownFile | undefined,
  ): Promise<KnownFile | undefined> {
    let facts = "";
    try {
      const found = await this.parts.files.facts(file);
      if (found === undefined) return this.absent(file, known);
      facts = `${found.sizeBytes} ${found.modifiedMs}`;
      if (known?.facts === facts && known.problem === "") return known;
      if (found.sizeBytes > MAX_JSON_BYTES) {
        throw new BadInputError(`it is larger than ${MAX_JSON_BYTES} bytes`);
      }
      const groups = parseFile(await this.parts.files.readText(file), file).map((group) =>
        withPath(group, file),
      );
      this.parts.log.debug("Discovery file read", { file, groups: groups.length });
      return { facts, groups, problem: "" };
    } catch (error) {
      if (!(error instanceof PihealthError) && codeOf(error) === undefined) throw error;
      return this.keep(file, known, messageOf(error));
    }
  }

  /** A deleted file takes its targets with it, as in Prometheus. */
  private absent(file: string, known: KnownFile | undefined): undefined {
    if (known !== undefined) this.parts.log.warn("Discovery file removed", { file });
    return undefined;
  }

  private keep(file: string, known: KnownFile | undefined, problem: string): KnownFile {
    this.failures++;
    if (known?.problem !== problem) {
      this.parts.log.warn("Cannot use discovery file: its previous targets are kept", {
        file,
        error: problem,
      });
    }
    return { facts: "", groups: known?.groups ?? [], problem };
  }
}

function parseFile(text: string, file: string): TargetGroup[] {
  if (/\.json$/i.test(file)) return parseTargetGroupsJson(text, file);
  if (text.length > MAX_CONFIG_BYTES) {
    throw new BadInputError(`it is larger than ${MAX_CONFIG_BYTES} bytes, JSON may be larger`);
  }
  return ConfigSection.parseList(text, file).map(parseTargetGroup);
}

function withPath(group: TargetGroup, file: string): TargetGroup {
  return { ...group, labels: { ...group.labels, __meta_filepath: file } };
}

/**
 * `*` matches any text. Walks the pattern once; no regular expression is built from a configured
 * text.
 */
function patternMatcher(pattern: string): (name: string) => boolean {
  const [first = "", ...rest] = pattern.split("*");
  const last = rest.pop() ?? "";
  return (name) => {
    if (
      name.length < first.length + last.length ||
      !name.startsWith(first) ||
      !name.endsWith(last)
    ) {
      return false;
    }
    let at = first.length;
    for (const part of rest) {
      const found = name.indexOf(part, at);
      if (found < 0) return false;
      at = found + part.length;
    }
    return at <= name.length - last.length;
  };
}
