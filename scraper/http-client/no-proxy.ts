import ipaddr from "ipaddr.js";

const DEFAULT_PORTS: Readonly<Record<string, string>> = { "http:": "80", "https:": "443" };

/**
 * Whether a host is reached directly, by the rules of Go's `httpproxy`: the list holds names (which
 * include their subdomains), `.name` or `*.name` (subdomains only), addresses, networks in CIDR
 * notation, each optionally with a port, or `*` for all hosts. Loopback is always exempt.
 *
 * @param exempt separated by commas
 */
export function isExemptFromProxy(url: URL, exempt: string): boolean {
  const host = url.hostname.toLowerCase().replace(/^\[(.*)\]$/, "$1");
  const port = url.port === "" ? DEFAULT_PORTS[url.protocol] : url.port;
  const address = addressOf(host);
  if (host === "localhost" || address?.range() === "loopback") return true;
  return exempt
    .toLowerCase()
    .split(",")
    .map((entry) => entry.trim())
    .some((entry) => entry !== "" && matches(entry, { host, port, address }));
}

type Address = ipaddr.IPv4 | ipaddr.IPv6;

function addressOf(text: string): Address | undefined {
  return ipaddr.isValid(text) ? ipaddr.process(text) : undefined;
}

function matches(
  entry: string,
  given: { host: string; port: string | undefined; address: Address | undefined },
): boolean {
  if (entry === "*") return true;
  if (ipaddr.isValidCIDR(entry)) return isInNetwork(given.address, entry);
  const [name, port] = splitPort(entry);
  if (port !== undefined && port !== given.port) return false;
  const exact = addressOf(name);
  if (exact !== undefined) return given.address?.toString() === exact.toString();
  const domain = name.startsWith("*.") ? name.slice(1) : name;
  if (domain.startsWith(".")) return given.host.endsWith(domain);
  return given.host === domain || given.host.endsWith(`.${domain}`);
}

function isInNetwork(address: Address | undefined, network: string): boolean {
  const [base, bits] = ipaddr.parseCIDR(network);
  if (address instanceof ipaddr.IPv4 && base instanceof ipaddr.IPv4)
    return address.match(base, bits);
  if (address instanceof ipaddr.IPv6 && base instanceof ipaddr.IPv6)
    return address.match(base, bits);
  return false;
}

/** `host`, `host:port`, `[v6]:port` or a bare IPv6 address. */
function splitPort(entry: string): [name: string, port: string | undefined] {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(entry) ?? [];
  return [bracketed ?? plain ?? entry, port];
}
