import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

/** Version in the package.json this program came with, whether it runs compiled or from source. */
export function programVersion(): string {
  const start = path.dirname(fileURLToPath(import.meta.url));
  for (let folder = start; folder !== path.dirname(folder); folder = path.dirname(folder)) {
    const manifest = readManifest(path.join(folder, "package.json"));
    if (manifest?.name === "pihealth") return manifest.version ?? "unknown";
  }
  return "unknown";
}

function readManifest(filePath: string): { name?: string; version?: string } | undefined {
  try {
    return JSON.parse(readFileSync(filePath, "utf8")) as { name?: string; version?: string };
  } catch {
    return undefined; // No manifest here: the next folder upwards may have one.
  }
}
