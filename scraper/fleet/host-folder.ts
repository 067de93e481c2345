import path from "node:path";
import { BadInputError, messageOf } from "../../exporter/shared/model/errors.js";
import type { Files } from "../../exporter/shared/platform/files.js";
import type { Logger } from "../../exporter/shared/platform/logger.js";
import { foldersIn } from "../../exporter/shared/platform/state-file.js";
import { canonicalAddress, isHostName } from "./ip-address.js";

export const HOSTS_FOLDER = "hosts";

/**
 * The folder of a host below the data folder: `hosts/192.168.1.10`. Only an IP address or a host
 * name is accepted, so no text from the network can lead out of it.
 *
 * @throws {BadInputError} when the host is neither
 */
export function hostFolder(host: string): string {
  const lower = host.toLowerCase().replace(/\.$/, "");
  const name = canonicalAddress(host) ?? (isHostName(host) ? lower : undefined);
  if (name === undefined) {
    const shown = JSON.stringify(host);
    throw new BadInputError(
      `Cannot make a folder for host ${shown}: it must be an IP address or a host name`,
    );
  }
  return path.posix.join(HOSTS_FOLDER, name);
}

/** Names of the folders of hosts. A folder that cannot be listed is logged and counts as empty. */
export async function hostFolders(files: Files, hosts: string, log: Logger): Promise<string[]> {
  try {
    return (await files.facts(hosts)) === undefined ? [] : await foldersIn(files, hosts);
  } catch (error) {
    const effect = "the state of known hosts is not read";
    log.error("Cannot list folder of hosts", { folder: hosts, error: messageOf(error), effect });
    return [];
  }
}
