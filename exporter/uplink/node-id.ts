import { randomBytes } from "node:crypto";
import path from "node:path";
import { codeOf, messageOf } from "../shared/model/errors.js";
import type { Files } from "../shared/platform/files.js";
import type { Logger } from "../shared/platform/logger.js";

const NODE_ID = /^[0-9a-f]{32}$/;

/**
 * The id of this installation, created at the first start and kept in `<state>/node-id`. If the
 * folder cannot be written, the exporter works with an id that lasts until it stops.
 *
 * @returns 32 hexadecimal digits
 */
export async function loadNodeId(stateFolder: string, files: Files, log: Logger): Promise<string> {
  const filePath = path.join(stateFolder, "node-id");
  const known = await readNodeId(filePath, files, log);
  if (known !== undefined) return known;
  const nodeId = randomBytes(16).toString("hex");
  try {
    await files.makeFolder(stateFolder);
    await files.replace(filePath, `${nodeId}\n`);
  } catch (error) {
    log.warn("Cannot save the node id: it will change at the next start", {
      file: filePath,
      error: messageOf(error),
    });
  }
  return nodeId;
}

async function readNodeId(
  filePath: string,
  files: Files,
  log: Logger,
): Promise<string | undefined> {
  try {
    const text = (await files.readText(filePath)).trim();
    if (NODE_ID.test(text)) return text;
    log.warn("Cannot read the node id: the file contains none, a new one is created", {
      file: filePath,
    });
  } catch (error) {
    if (codeOf(error) !== "ENOENT") {
      log.warn("Cannot read the node id: a new one is created", {
        file: filePath,
        error: messageOf(error),
      });
    }
  }
  return undefined;
}
