import path from "node:path";
import { ByteWriter } from "../../../exporter/shared/journal/byte-writer.js";
import {
  type AppendFile,
  type Files,
  TEMPORARY_SUFFIX,
} from "../../../exporter/shared/platform/files.js";
import { type BlockContent, writeBlock } from "../codec/block-codec.js";

/** Bytes collected for one write. */
const WRITE_BYTES = 256 * 1024;

/**
 * Writes a block to a temporary file and renames it, so that it is complete or does not exist.
 *
 * @returns the size of the block in bytes
 * @throws the system's error, after removing the temporary file
 */
export async function writeBlockFile(
  files: Files,
  filePath: string,
  content: BlockContent,
): Promise<number> {
  const temporary = filePath + TEMPORARY_SUFFIX;
  let sizeBytes = 0;
  try {
    const file = await files.openAppend(temporary);
    try {
      await file.truncate(0);
      await writeTo(file, content);
      await file.sync();
      ({ sizeBytes } = file);
    } finally {
      await file.close();
    }
    await files.rename(temporary, filePath);
  } catch (error) {
    await files.remove(temporary).catch(() => undefined); // The next start tries again.
    throw error;
  }
  await files.syncFolder(path.dirname(filePath));
  return sizeBytes;
}

async function writeTo(file: AppendFile, content: BlockContent): Promise<void> {
  const waiting = new ByteWriter(4096);
  const flush = async (): Promise<void> => {
    if (waiting.length > 0) await file.append(waiting.written());
    waiting.length = 0;
  };
  await writeBlock(content, async (bytes) => {
    waiting.raw(bytes);
    if (waiting.length >= WRITE_BYTES) await flush();
  });
  await flush();
}
