import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { REPOSITORY } from "../../support/repository.js";

const ROUTES = path.join(REPOSITORY, "scraper/api");

function routePaths(): string[] {
  return readdirSync(ROUTES, { recursive: true, encoding: "utf8" })
    .filter((file) => /-routes?\.ts$/.test(file))
    .flatMap((file) => [
      ...readFileSync(path.join(ROUTES, file), "utf8").matchAll(
        /"(\/(?:api\/|federate|metrics|-\/)[^"]*)"/g,
      ),
    ])
    .map(([, found = ""]) => found.replace(/:(\w+)/g, "<$1>"));
}

test("docs/api.md has a row for every route of the API", () => {
  const rows = readFileSync(path.join(REPOSITORY, "docs/api.md"), "utf8")
    .split("\n")
    .filter((line) => line.startsWith("| `/"));
  const paths = routePaths();
  assert.ok(paths.length > 30, "routes were found");
  const isThere = (wanted: string): boolean => {
    const last = wanted.slice(wanted.lastIndexOf("/") + 1);
    const parent = wanted.slice(0, wanted.length - last.length);
    return rows.some(
      (row) =>
        row.includes(`\`${wanted}\``) || (row.includes(parent) && row.includes(`\`${last}\``)),
    );
  };
  const isSilence = (wanted: string): boolean => wanted.startsWith("/api/v2/silence/");
  assert.deepEqual(
    paths.filter((wanted) => !isThere(wanted) && !isSilence(wanted)),
    [],
  );
});
