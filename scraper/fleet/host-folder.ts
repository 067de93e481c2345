import path from "node:path";
import { BadInputError } from "../../exporter/shared/model/errors.js";
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
