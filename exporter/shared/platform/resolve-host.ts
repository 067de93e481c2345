import { lookup } from "node:dns/promises";

/**
 * Resolves a host name to addresses, in the order of the system's resolver (files, DNS, mDNS).
 * Rejects when there are none. A call can occupy a thread of the pool for many seconds, so callers
 * limit their concurrent calls.
 */
export type ResolveHost = (name: string) => Promise<string[]>;

export const resolveHost: ResolveHost = async (name) => {
  const found = await lookup(name, { all: true });
  return found.map(({ address }) => address);
};
