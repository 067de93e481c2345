import path from "node:path";
import { ConfigSection } from "../../../exporter/shared/config/config-section.js";
import { ConfigError, MAX_CONFIG_BYTES } from "../../../exporter/shared/config/yaml-source.js";
import { codeOf, messageOf } from "../../../exporter/shared/model/errors.js";
import type { Files } from "../../../exporter/shared/platform/files.js";
import { parseRuleFile, type RuleFileSettings } from "./parse-rule-file.js";
import type { RuleGroup } from "./rule-group.js";

const MAX_RULE_FILES = 10_000;

/**
 * Finds the files for patterns such as `rules/*.yml`.
 *
 * @param baseFolder base of relative patterns: the folder of the configuration file
 * @returns sorted within each pattern; a file that matches two patterns occurs once
 * @throws {ConfigError} for a pattern with wildcards in a folder, or a plain path without a file
 */
export async function findRuleFiles(
  patterns: readonly string[],
  baseFolder: string,
  files: Files,
): Promise<string[]> {
  const found = new Set<string>();
  for (const pattern of patterns) {
    for (const file of await expandPattern(path.resolve(baseFolder, pattern), files)) {
      found.add(file);
    }
    if (found.size > MAX_RULE_FILES) {
      throw new ConfigError(
        pattern,
        undefined,
        `rule_files name more than ${MAX_RULE_FILES} files`,
      );
    }
  }
  return [...found];
}

async function expandPattern(pattern: string, files: Files): Promise<string[]> {
  if (/[*?[]/.test(path.dirname(pattern))) {
    throw new ConfigError(
      pattern,
      undefined,
      "the folder has a wildcard, only the last part of a rule_files entry may",
    );
  }
  const found = await findFiles(pattern, files);
  if (found.length === 0 && !hasWildcard(pattern)) {
    throw new ConfigError(pattern, undefined, "it does not exist");
  }
  return found;
}

/** True when the last part of the path is a pattern. */
export const hasWildcard = (pattern: string): boolean => /[*?[]/.test(path.basename(pattern));

/**
 * @param pattern absolute path whose last part may have wildcards
 * @returns the files that it matches, sorted; a path without wildcards matches one file or none
 */
export async function findFiles(pattern: string, files: Files): Promise<string[]> {
  const folder = path.dirname(pattern);
  if (!hasWildcard(pattern)) return (await files.facts(pattern)) === undefined ? [] : [pattern];
  const matches = compileWildcards(path.basename(pattern));
  try {
    const entries = await files.list(folder);
    return entries
      .filter(({ name, isFolder }) => !isFolder && matches.test(name))
      .map(({ name }) => path.join(folder, name));
  } catch (error) {
    if (codeOf(error) === "ENOENT") return []; // The folder may be created later, as in Prometheus.
    throw error;
  }
}

/** `*`, `?` and `[a-z]` of Go's filepath.Match. */
function compileWildcards(pattern: string): RegExp {
  const parts = pattern.match(/\*+|\?|\[\^?[^\]]+\]|[\s\S]/g) ?? [];
  const source = parts.map((part) => {
    if (part.startsWith("*")) return "[^/]*";
    if (part === "?") return "[^/]";
    if (part.startsWith("[") && part.length > 1) return part.replace(/\\/g, "\\\\");
    return part.replace(/[.+^${}()|[\]\\]/g, "\\$&");
  });
  try {
    return new RegExp(`^${source.join("")}$`);
  } catch (error) {
    throw new ConfigError(
      pattern,
      undefined,
      "its wildcards are wrong, a range must be like [a-z]",
      { cause: error },
    );
  }
}

/** @throws {ConfigError} for the first file that is not valid, naming file, line and key */
export async function loadRuleFiles(
  paths: readonly string[],
  files: Files,
  settings: RuleFileSettings,
): Promise<RuleGroup[]> {
  const groups: RuleGroup[] = [];
  for (const file of paths) {
    const section = ConfigSection.parse(await readRuleFile(file, files), file);
    groups.push(...parseRuleFile(section, settings));
    for (const warning of section.warnings) settings.onWarning?.(warning);
  }
  return groups;
}

async function readRuleFile(file: string, files: Files): Promise<string> {
  const facts = await files.facts(file);
  if (facts !== undefined && facts.sizeBytes > MAX_CONFIG_BYTES) {
    throw new ConfigError(file, undefined, `it is larger than ${MAX_CONFIG_BYTES} bytes`);
  }
  try {
    return await files.readText(file);
  } catch (error) {
    throw new ConfigError(file, undefined, messageOf(error), { cause: error });
  }
}
