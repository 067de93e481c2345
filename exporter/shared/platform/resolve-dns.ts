import { Resolver } from "node:dns/promises";
import { codeOf } from "../model/errors.js";

export type DnsType = "A" | "AAAA" | "SRV" | "MX" | "NS";

/** An address, or a host name without its final dot; the port of SRV records only. */
export interface DnsRecord {
  readonly host: string;
  readonly port: number | undefined;
}

/**
 * Asks the name servers of the system for the records of a name. Empty when the name has none or does
 * not exist; rejects when no server answers.
 */
export type ResolveDns = (name: string, type: DnsType) => Promise<DnsRecord[]>;

const TIMEOUT_MS = 5000;
const NOTHING = new Set(["ENODATA", "ENOTFOUND"]);

export const resolveDns: ResolveDns = async (name, type) => {
  // A new one reads the name servers again, which may have changed.
  const resolver = new Resolver({ timeout: TIMEOUT_MS, tries: 2 });
  try {
    return await ask(resolver, name, type);
  } catch (error) {
    if (NOTHING.has(codeOf(error) ?? "")) return [];
    throw error;
  }
};

async function ask(resolver: Resolver, name: string, type: DnsType): Promise<DnsRecord[]> {
  switch (type) {
    case "A":
      return (await resolver.resolve4(name)).map((host) => recordOf(host));
    case "AAAA":
      return (await resolver.resolve6(name)).map((host) => recordOf(host));
    case "SRV":
      return (await resolver.resolveSrv(name)).map(({ name: host, port }) => recordOf(host, port));
    case "MX":
      return (await resolver.resolveMx(name)).map(({ exchange }) => recordOf(exchange));
    case "NS":
      return (await resolver.resolveNs(name)).map((host) => recordOf(host));
  }
}

const recordOf = (host: string, port?: number): DnsRecord => ({
  host: host.replace(/\.$/, ""),
  port,
});
