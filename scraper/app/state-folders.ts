import path from "node:path";
import { messageOf } from "../../exporter/shared/model/errors.js";
import type { Files } from "../../exporter/shared/platform/files.js";
import type { Logger } from "../../exporter/shared/platform/logger.js";
import { clearFolderPath } from "../../exporter/shared/platform/state-file.js";
import { hostFolders, HOSTS_FOLDER } from "../fleet/host-folder.js";
import { canonicalAddress } from "../fleet/ip-address.js";
import { LOG_FOLDER } from "../host-logs/host-logs.js";

/** Folders of the data folder that hold state beside samples. */
export const RULES_FOLDER = "rules";
export const ALERTING_FOLDER = "alerting";

/**
 * Makes room for the folders of the data folder where something else stands in their place. Folders
 * that this user may not enter stay, because their samples are intact. Everything is logged. To be
 * called at the start, with the lock of the folder held.
 */
export async function prepareStateFolders(
  dataFolder: string,
  files: Files,
  log: Logger,
): Promise<void> {
  const clear = async (folder: string): Promise<void> => {
    try {
      await clearFolderPath(files, folder, log);
    } catch (error) {
      const effect = "its content is left out, and nothing is written there";
      log.error("Cannot use folder", { folder, error: messageOf(error), effect });
    }
  };
  const hosts = path.join(dataFolder, HOSTS_FOLDER);
  for (const name of [RULES_FOLDER, ALERTING_FOLDER]) await clear(path.join(dataFolder, name));
  await clear(hosts);
  for (const name of await addressesIn(files, hosts)) await clear(path.join(hosts, name));
  for (const name of await hostFolders(files, hosts, log)) {
    await clear(path.join(hosts, name, LOG_FOLDER));
    await clear(path.join(hosts, name, "blocks"));
  }
}

/** Names that only a folder of a host can have. */
async function addressesIn(files: Files, hosts: string): Promise<string[]> {
  const entries = await files.list(hosts).catch(() => []); // `hostFolders` reports it.
  return entries
    .filter(({ name, isFolder }) => !isFolder && canonicalAddress(name) !== undefined)
    .map(({ name }) => name);
}
