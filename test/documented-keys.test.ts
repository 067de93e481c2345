/** The configuration documents list exactly the keys that the programs know. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { COLLECTORS } from "../exporter/collectors/registry.js";
import { parseExporterConfig } from "../exporter/config/config.js";
import { ConfigSection } from "../exporter/shared/config/config-section.js";
import { messageOf } from "../exporter/shared/model/errors.js";
import { parseScraperConfig } from "../scraper/config/config.js";
import { MemoryFiles } from "./support/memory-files.js";
import { REPOSITORY } from "./support/repository.js";

const document = (name: string): string =>
  readFileSync(path.join(REPOSITORY, "docs", name), "utf8");

/** The error for an unknown key lists the known keys. */
async function knownKeys(parse: () => unknown): Promise<string[]> {
  try {
    await parse();
  } catch (error) {
    const list = /is not a known key, the keys here are (.*)$/.exec(messageOf(error))?.[1];
    if (list !== undefined) return list.split(", ");
    throw error;
  }
  throw new Error("An unknown key was taken");
}

/** Keys in the first column of tables: between backticks, several separated by commas. */
function firstColumn(markdown: string): string[] {
  const cells = [...markdown.matchAll(/^\| (`[^|]*) \|/gm)].map(([, cell = ""]) => cell);
  return cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, key = ""]) => key));
}

const exporterKeys = (text: string): Promise<string[]> =>
  knownKeys(() => parseExporterConfig(ConfigSection.parse(text, "exporter.yml"), COLLECTORS));

/** Follows nested sections. A key without known sub-keys is a value. */
async function allExporterKeys(parents: readonly string[] = []): Promise<string[]> {
  const open = parents.map((parent) => `{ ${parent}: `).join("");
  const found: string[] = [];
  for (const key of await exporterKeys(`${open}{ no_such_key: 1 }${" }".repeat(parents.length)}`)) {
    const inside = await allExporterKeys([...parents, key]).catch(() => undefined);
    found.push(...(inside ?? [[...parents, key].join(".")]));
  }
  return found;
}

test("docs/configuration-exporter.md names the keys of the exporter, each once", async () => {
  const known = new Set(
    (await allExporterKeys()).map((key) => key.replace(/^collectors\.\w+\./, "collectors.<name>.")),
  );
  const table = /\| key \|.*?\n\n/s.exec(document("configuration-exporter.md"))?.[0] ?? "";
  assert.deepEqual(firstColumn(table).sort(), [...known].sort());
});

const SCRAPER = document("configuration.md");
/** By headings. */
const SECTIONS = new Map(
  SCRAPER.split(/^## /m).map((part) => [/^`(\w+)`/.exec(part)?.[1] ?? "", part] as const),
);
const scraperKeys = (text: string): Promise<string[]> =>
  knownKeys(() => parseScraperConfig(text, "pihealthd.yml", new MemoryFiles()));

test("docs/configuration.md has a section for every key of the scraper's file", async () => {
  const known = await scraperKeys("no_such_key: 1");
  const described = [...SECTIONS.keys()].filter((name) => name !== "");
  assert.deepEqual(described.sort(), known.sort());
});

for (const name of [...SECTIONS.keys()].filter(
  (key) => !["", "pools", "rule_files", "scrape_config_files", "tracing"].includes(key),
)) {
  test(`docs/configuration.md, ${name}: the keys described are those there are`, async () => {
    const inside =
      name === "scrape_configs" ? "[{ job_name: pi, no_such_key: 1 }]" : "{ no_such_key: 1 }";
    const known = await scraperKeys(`${name}: ${inside}`);
    const section = SECTIONS.get(name) ?? "";
    const described = new Set(
      [...section.matchAll(/`([a-z_0-9]+)[`.:]/g)].map(([, key = ""]) => key),
    );
    const limits = known.filter((key) => section.includes("the six limits") && /_limit$/.test(key));
    assert.deepEqual(
      known.filter((key) => !described.has(key) && !limits.includes(key)),
      [],
    );

    const table = /\| key \|.*?\n\n/s.exec(section)?.[0] ?? "";
    const tabled = firstColumn(table).map((key) => key.replace(/\..*/, ""));
    assert.deepEqual(
      tabled.filter((key) => !known.includes(key)),
      [],
    );
  });
}
