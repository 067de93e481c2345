import { randomBytes } from "node:crypto";
import path from "node:path";
import { codeOf, messageOf } from "../shared/model/errors.js";
import type { Files } from "../shared/platform/files.js";
import type { Logger } from "../shared/platform/logger.js";

const NODE_ID = /^[0-9a-f]{32}$/;

/**
 * The name of this installation, made at its first start and kept in `<state>/node-id`. Where the
 * folder cannot be written the exporter works all the same, with a name that lasts until it ends.
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
    log.warn("Cannot keep the node id: it changes at the next start", {
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
    log.warn("The node id file holds no node id: a new one is made", { file: filePath });
  } catch (error) {
    if (codeOf(error) !== "ENOENT") {
      log.warn("Cannot read the node id: a new one is made", {
        file: filePath,
        error: messageOf(error),
      });
    }
  }
  return undefined;
}
