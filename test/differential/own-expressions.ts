import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";
import { REPOSITORY } from "../support/repository.js";

/**
 * The expressions of the rules and dashboards in this repository, with Grafana's variables
 * replaced.
 */
export function ownExpressions(): string[] {
  return [...new Set([...ruleExpressions(), ...panelExpressions()])];
}

function ruleExpressions(): string[] {
  return filesIn("rules", ".yml").flatMap((file) =>
    expressionsIn(parse(readFileSync(file, "utf8"))),
  );
}

function panelExpressions(): string[] {
  return filesIn("grafana", ".json").flatMap((file) =>
    expressionsIn(JSON.parse(readFileSync(file, "utf8"))).map(replaceVariables),
  );
}

function expressionsIn(document: unknown): string[] {
  const found: string[] = [];
  collect(document, found);
  return found;
}

/** Collects every string with the key `expr`, at any depth. */
function collect(value: unknown, found: string[]): void {
  if (typeof value !== "object" || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    if (key === "expr" && typeof inner === "string") found.push(inner);
    else collect(inner, found);
  }
}

/** Replaces variables as Grafana does for a panel of one hour with all values selected. */
function replaceVariables(expression: string): string {
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
