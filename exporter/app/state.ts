import type { ExporterConfig } from "../config/config.js";
import type { History } from "../history/history.js";
import { CounterFile } from "./counter-file.js";
import { setForeignStateAside } from "./foreign-state.js";
import { openHistory } from "./history-wiring.js";
import { messageOf } from "../shared/model/errors.js";
import type { Clock } from "../shared/platform/clock.js";
import type { Files } from "../shared/platform/files.js";
import { FolderLock, FolderLockedError } from "../shared/platform/folder-lock.js";
import { removeStrayFiles } from "../shared/platform/stray-files.js";
import type { Logger } from "../shared/platform/logger.js";
import type { StopStack } from "../shared/platform/stop-stack.js";
import { readBoot, type Boot } from "../uplink/boot.js";
import { loadNodeId } from "../uplink/node-id.js";

/** The identity of this exporter, and its data in the state folder. */
export interface ExporterState extends Boot {
  readonly nodeId: string;
  /** Undefined when the history is switched off. */
  readonly history: History | undefined;
  readonly counterFile: CounterFile;
}

/**
 * Opens the state folder. If the disk refuses writes, that is logged, and the exporter works
 * without it.
 *
 * @throws {FolderLockedError} when another exporter uses the folder
 */
export async function openState(
  config: ExporterConfig,
  parts: {
    readonly clock: Clock;
    readonly files: Files;
    readonly log: Logger;
    readonly boot?: Boot | undefined;
  },
  stack: StopStack,
): Promise<ExporterState> {
  const { clock, files, log, boot = readBoot() } = parts;
  const lock = await lockStateFolder(config.stateFolder, files, log);
  stack.push("the lock of the state folder", () =>
    lock?.release().catch((error: unknown) => {
      log.warn("Cannot unlock the state folder", { error: messageOf(error) });
    }),
  );
  if (lock !== undefined) {
    await removeStrayFiles(files, config.stateFolder);
    await setForeignStateAside(config.stateFolder, files, log);
  }
  const nodeId = await loadNodeId(config.stateFolder, files, log);
  const history = await openHistory(config, { ...boot, clock, files, log });
  if (history !== undefined) stack.push("history", () => history.stop());
  const { bootId } = boot;
  const counterFile = await CounterFile.open({
    clock,
    files,
    log,
    folder: config.stateFolder,
    bootId,
  });
  stack.push("the counters", () => counterFile.stop());
  return { ...boot, nodeId, history, counterFile };
}

async function lockStateFolder(
  folder: string,
  files: Files,
  log: Logger,
): Promise<FolderLock | undefined> {
  try {
    await files.makeFolder(folder);
    return await FolderLock.acquire(files, folder, log);
  } catch (error) {
    if (error instanceof FolderLockedError) throw error;
    log.warn("Cannot write the state folder: history and alarms are kept in memory", {
      folder,
      error: messageOf(error),
    });
    return undefined;
  }
}
