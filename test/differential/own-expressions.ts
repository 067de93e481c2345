import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";
import { REPOSITORY } from "../support/repository.js";

/** The expressions of the rules and dashboards in this repository, with Grafana's variables filled in. */
export function ownExpressions(): string[] {
  return [...new Set([...ruleExpressions(), ...panelExpressions()])];
}

interface RuleFile {
  readonly groups: readonly { readonly rules: readonly { readonly expr: string }[] }[];
}

function ruleExpressions(): string[] {
  return filesIn("rules", ".yml").flatMap((file) => {
    const { groups } = parse(readFileSync(file, "utf8")) as RuleFile;
    return groups.flatMap(({ rules }) => rules.map(({ expr }) => expr));
  });
}

function panelExpressions(): string[] {
  return filesIn("grafana", ".json").flatMap((file) => {
    const found: string[] = [];
    collect(JSON.parse(readFileSync(file, "utf8")) as unknown, found);
    return found.map(fillIn);
  });
}

/** Every string under a key `expr`, wherever a dashboard has it. */
function collect(value: unknown, found: string[]): void {
  if (typeof value !== "object" || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    if (key === "expr" && typeof inner === "string") found.push(inner);
    else collect(inner, found);
  }
}

/** As Grafana would for a panel of an hour with all values chosen. */
function fillIn(expression: string): string {
  return expression
    .replace(/\$(__rate_interval|\{__rate_interval\})/g, "1m")
    .replace(/\$(__interval|\{__interval\})/g, "30s")
    .replace(/\$(__range|\{__range\})/g, "1h")
    .replace(/\$\{\w+(:\w+)?\}|\$\w+/g, ".*");
}

function filesIn(folder: string, ending: string): string[] {
  return readdirSync(path.join(REPOSITORY, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(ending) && !name.startsWith("tests/"))
    .sort()
    .map((name) => path.join(REPOSITORY, folder, name));
}
