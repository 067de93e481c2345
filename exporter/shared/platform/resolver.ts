import { lookup } from "node:dns/promises";

/**
 * Addresses of a host name, in the order of the system (files, DNS, mDNS). Rejects when there are none. One call can
 * hold a thread of the pool for many seconds: callers bound how many they have under way.
 */
export type ResolveHost = (name: string) => Promise<string[]>;

export const resolveHost: ResolveHost = async (name) => {
  const found = await lookup(name, { all: true });
  return found.map(({ address }) => address);
};
