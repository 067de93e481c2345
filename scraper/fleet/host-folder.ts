import path from "node:path";
import { BadInputError } from "../../exporter/shared/model/errors.js";
import { canonicalAddress, isHostName } from "./ip-address.js";

export const HOSTS_FOLDER = "hosts";

/**
 * The folder of a host below the data folder: `hosts/192.168.1.10`. Only an IP address or a host name makes one, so
 * no text from the network can lead out of it.
 *
 * @throws {BadInputError} when the host is neither
 */
export function hostFolder(host: string): string {
  const name = canonicalAddress(host) ?? (isHostName(host) ? host.toLowerCase().replace(/\.$/, "") : undefined);
  if (name === undefined) {
    throw new BadInputError(`Cannot make a folder for host ${JSON.stringify(host)}: it must be an IP address or a host name`);
  }
  return path.posix.join(HOSTS_FOLDER, name);
}
