import { existsSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

/** The folder with package.json, whether this runs as TypeScript or from dist/. */
export const REPOSITORY = findRepository(path.dirname(fileURLToPath(import.meta.url)));

/** Recorded trees, bodies and files that tests read. */
export const FIXTURES = path.join(REPOSITORY, "test/fixtures");

function findRepository(start: string): string {
  for (let folder = start; folder !== path.dirname(folder); folder = path.dirname(folder)) {
    if (existsSync(path.join(folder, "package.json"))) return folder;
  }
  throw new Error(`Cannot find package.json above "${start}"`);
}
