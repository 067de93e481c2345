import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

/** Version in the package.json of this program, which runs compiled or from source. */
export function programVersion(): string {
  const start = path.dirname(fileURLToPath(import.meta.url));
  for (let folder = start; folder !== path.dirname(folder); folder = path.dirname(folder)) {
    const manifest = readManifest(path.join(folder, "package.json"));
    if (manifest?.name !== "pihealth") continue;
    return typeof manifest.version === "string" ? manifest.version : "unknown";
  }
  return "unknown";
}

function readManifest(filePath: string): { name?: unknown; version?: unknown } | undefined {
  try {
    const manifest: unknown = JSON.parse(readFileSync(filePath, "utf8"));
    return typeof manifest === "object" && manifest !== null ? manifest : undefined;
  } catch {
    return undefined; // No package.json here; a parent folder may have one.
  }
}
