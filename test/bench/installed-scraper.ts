import { readFileSync } from "node:fs";
import path from "node:path";
import { ChildProgram } from "../support/child-program.js";
import { REPOSITORY } from "../support/repository.js";

/** Starts our scraper as its unit does, with the same Node.js flags and environment. */
export function startInstalledScraper(
  args: readonly string[],
  moreFlags: readonly string[] = [],
  moreEnvironment: Readonly<Record<string, string>> = {},
): ChildProgram {
  const unit = readFileSync(path.join(REPOSITORY, "scraper/systemd/pihealthd.service"), "utf8");
  const flags = /^ExecStart=.* node (.*?)dist\//m.exec(unit)?.[1]?.trim().split(" ") ?? [];
  const env: Record<string, string> = { ...moreEnvironment };
  for (const [, name = "", value = ""] of unit.matchAll(/^Environment=(\w+)=(.*)$/gm))
    env[name] = value;
  const script = path.join(REPOSITORY, "dist/scraper/program/main.js");
  return new ChildProgram(process.execPath, [...flags, ...moreFlags, script, ...args], { env });
}
