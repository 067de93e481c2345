import { isIP } from "node:net";

/**
 * The address from which a program that listens on `listenAddress` connects to a server.
 *
 * @returns undefined where the system chooses: the exporter listens on all addresses, or only on the
 * loopback device while the master is elsewhere.
 */
export function localAddressFor(url: string, listenAddress: string): string | undefined {
  if (isIP(listenAddress) === 0 || /^[0:.]+$/.test(listenAddress)) return undefined;
  const { hostname } = new URL(url);
  const isLocalMaster = hostname === "localhost" || isLoopback(hostname.replace(/^\[|\]$/g, ""));
  return isLoopback(listenAddress) && !isLocalMaster ? undefined : listenAddress;
}

const isLoopback = (address: string): boolean => address.startsWith("127.") || address === "::1";
