import { randomBytes } from "node:crypto";
import path from "node:path";
import { BadInputError, messageOf } from "../shared/model/errors.js";
import type { Files } from "../shared/platform/files.js";
import type { Logger } from "../shared/platform/logger.js";
import { readStateFile } from "../shared/platform/state-file.js";

const NODE_ID = /^[0-9a-f]{32}$/;
export const MAX_NODE_ID_BYTES = 1024;

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

function readNodeId(filePath: string, files: Files, log: Logger): Promise<string | undefined> {
  return readStateFile({
    files,
    log,
    filePath,
    maxBytes: MAX_NODE_ID_BYTES,
    decode: decodeNodeId,
    effect: "a new node id is created, masters see a new machine",
  });
}

export function decodeNodeId(text: string): string {
  const nodeId = text.trim();
  if (NODE_ID.test(nodeId)) return nodeId;
  throw new BadInputError("Cannot read the node id: the file must contain 32 hexadecimal digits");
}
