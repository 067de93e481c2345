import path from "node:path";
import { ByteWriter } from "../../../exporter/shared/journal/byte-writer.js";
import {
  type AppendFile,
  type Files,
  TEMPORARY_SUFFIX,
} from "../../../exporter/shared/platform/files.js";

/** Bytes collected for one write. */
const WRITE_BYTES = 256 * 1024;

type WriteBytes = (bytes: Uint8Array) => Promise<void>;

/**
 * Writes a block to a temporary file and renames it, so that it is complete or does not exist.
 *
 * @param writeContent writes the bytes in order
 * @returns the size of the block in bytes
 * @throws the system's error, after removing the temporary file
 */
export async function writeBlockFile(
  files: Files,
  filePath: string,
  writeContent: (write: WriteBytes) => Promise<void>,
): Promise<number> {
  const temporary = filePath + TEMPORARY_SUFFIX;
  let sizeBytes = 0;
  try {
    const file = await files.openAppend(temporary);
    try {
      await file.truncate(0);
      await writeTo(file, writeContent);
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

async function writeTo(
  file: AppendFile,
  writeContent: (write: WriteBytes) => Promise<void>,
): Promise<void> {
  const waiting = new ByteWriter(4096);
  const flush = async (): Promise<void> => {
    if (waiting.length > 0) await file.append(waiting.written());
    waiting.length = 0;
  };
  await writeContent(async (bytes) => {
    waiting.raw(bytes);
    if (waiting.length >= WRITE_BYTES) await flush();
  });
  await flush();
}
