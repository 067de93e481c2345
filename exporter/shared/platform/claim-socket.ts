/**
 * Claims by bound sockets: the file of a Unix socket to which somebody listens belongs to a running
 * process, in whatever namespace or container it runs. The socket of a process that has ended
 * refuses connections, also after a crash or a power cut.
 */
import { randomBytes } from "node:crypto";
import * as fs from "node:fs/promises";
import net from "node:net";
import path from "node:path";
import { codeOf } from "../model/errors.js";
import { TEMPORARY_SUFFIX } from "./files.js";

/** Each failed attempt means that another process changed the name meanwhile. */
const MAX_ATTEMPTS = 20;

/**
 * Implements `Files.claim`.
 *
 * On file systems without sockets or links (FAT, some network file systems) every claim succeeds.
 */
export async function claimSocket(filePath: string): Promise<(() => Promise<void>) | undefined> {
  // The path of a socket has at most 107 bytes, so sockets are named through the open folder.
  const folder = await fs.open(path.dirname(filePath), "r");
  const name = path.basename(filePath);
  const temporary = `${name}.${randomBytes(4).toString("hex")}${TEMPORARY_SUFFIX}`;
  const inFolder = (entry: string): string => `/proc/self/fd/${folder.fd}/${entry}`;
  const server = net.createServer((connection) => connection.destroy());
  try {
    await listen(server, inFolder(temporary));
    const isClaimed = await linkOrGiveUp(inFolder, temporary, name);
    const own = await fs.stat(inFolder(temporary));
    await fs.rm(inFolder(temporary), { force: true });
    if (!isClaimed) {
      await close(server);
      await folder.close();
      return undefined;
    }
    server.unref();
    return async () => {
      const now = await fs.stat(inFolder(name)).catch(() => undefined);
      if (now?.ino === own.ino) await fs.rm(inFolder(name), { force: true });
      await close(server);
      await folder.close();
    };
  } catch {
    // No sockets or no links here. The lock file still protects against processes of this namespace.
    await close(server);
    await fs.rm(inFolder(temporary), { force: true }).catch(() => undefined);
    await folder.close();
    return async () => undefined;
  }
}

/** @returns false when a running process holds the name */
async function linkOrGiveUp(
  inFolder: (entry: string) => string,
  temporary: string,
  name: string,
): Promise<boolean> {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    try {
      await fs.link(inFolder(temporary), inFolder(name));
      return true;
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error;
    }
    const found = await fs.lstat(inFolder(name)).catch(() => undefined);
    if (found === undefined) continue;
    if (!found.isSocket()) {
      // Something else stands there: it is kept.
      await fs.rename(inFolder(name), `${inFolder(name)}.aside-${Date.now()}`);
      continue;
    }
    if (await isListening(inFolder(name))) return false;
    // Moves the dead socket away instead of deleting it: if another process has replaced it since
    // the look, its live socket is put back.
    const moved = `${temporary}.dead`;
    await fs.rename(inFolder(name), inFolder(moved)).catch(() => undefined);
    const taken = await fs.lstat(inFolder(moved)).catch(() => undefined);
    if (taken !== undefined && taken.ino !== found.ino) {
      await fs.link(inFolder(moved), inFolder(name)).catch(() => undefined);
    }
    await fs.rm(inFolder(moved), { recursive: true, force: true });
  }
  return false;
}

const listen = (server: net.Server, socketPath: string): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(socketPath, () => resolve());
  });

const close = (server: net.Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve());
  });

function isListening(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = net.connect(socketPath);
    const answer = (isAlive: boolean) => () => {
      connection.destroy();
      resolve(isAlive);
    };
    connection.once("connect", answer(true));
    connection.once("error", (error) => {
      // EAGAIN: the queue of a listening socket is full.
      answer(codeOf(error) === "EAGAIN")();
    });
  });
}
