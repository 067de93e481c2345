import type { ConfigSection } from "../../exporter/shared/config/config-section.js";
import { type HttpClientSettings, readHttpClient } from "../http-client/http-client-config.js";
import type { ConfigFolder } from "./config-folder.js";
import { parseRefresh } from "./refresh-interval.js";

/** How the API of a Docker daemon is reached. */
export interface DockerEndpoint {
  /** Begins with `http:` or `https:`. */
  readonly url: string;
  /** Path of the socket, where `host` begins with `unix:`. */
  readonly socketPath: string | undefined;
  readonly client: HttpClientSettings;
  /** As the API takes them: names with the values that are wanted. */
  readonly filters: Readonly<Record<string, readonly string[]>>;
}

interface DockerCommon {
  readonly endpoint: DockerEndpoint;
  /** For targets without a port of their own. */
  readonly port: number;
  readonly refreshMs: number;
}

/** An entry of `docker_sd_configs`. */
export interface DockerDiscovery extends DockerCommon {
  readonly kind: "docker";
  /** Address of containers in the network of their host. */
  readonly hostNetworkingHost: string;
  /** Of several networks of a container, only the first by name counts. */
  readonly matchesFirstNetwork: boolean;
}

/** An entry of `dockerswarm_sd_configs`. */
export interface SwarmDiscovery extends DockerCommon {
  readonly kind: "swarm";
  readonly role: "services" | "tasks" | "nodes";
}

/** @throws {ConfigError} */
export async function parseDockerDiscovery(
  section: ConfigSection,
  place: ConfigFolder,
): Promise<DockerDiscovery> {
  const discovery: DockerDiscovery = {
    kind: "docker",
    ...(await parseCommon(section, place)),
    hostNetworkingHost: section.string("host_networking_host", { default: "localhost" }),
    matchesFirstNetwork: section.boolean("match_first_network", { default: true }),
  };
  section.rejectUnknownKeys();
  return discovery;
}

/** @throws {ConfigError} */
export async function parseSwarmDiscovery(
  section: ConfigSection,
  place: ConfigFolder,
): Promise<SwarmDiscovery> {
  const discovery: SwarmDiscovery = {
    kind: "swarm",
    ...(await parseCommon(section, place)),
    role: section.oneOf("role", ["services", "tasks", "nodes"]),
  };
  section.rejectUnknownKeys();
  return discovery;
}

async function parseCommon(section: ConfigSection, place: ConfigFolder): Promise<DockerCommon> {
  const host = parseHost(section);
  const client = await readHttpClient(section, place.files, place.folder);
  return {
    endpoint: { ...host, client, filters: parseFilters(section) },
    port: section.integer("port", { default: 80, min: 0, max: 65_535, truncates: true }),
    refreshMs: parseRefresh(section, "60s"),
  };
}

/** `unix:///path`, `http://`, `https://`, or `tcp://`, which is plain HTTP. */
function parseHost(section: ConfigSection): Pick<DockerEndpoint, "url" | "socketPath"> {
  const host = section.string("host", { default: "" });
  if (host === "") section.fail("host", "is missing, it must be like unix:///var/run/docker.sock");
  const socketPath = /^unix:\/\/(\/.+)$/.exec(host)?.[1];
  if (socketPath !== undefined) return { url: "http://docker", socketPath };
  const url = host.replace(/^tcp:/, "http:").replace(/\/+$/, "");
  if (/^https?:\/\/[^/]/.test(url) && URL.canParse(url)) return { url, socketPath: undefined };
  return section.fail("host", "is not supported, it must begin with unix:///, http:// or https://");
}

function parseFilters(section: ConfigSection): Record<string, readonly string[]> {
  const filters: Record<string, string[]> = {};
  for (const entry of section.sections("filters", { skipsEmpty: true })) {
    const name = entry.string("name", { default: "" });
    const values = entry.stringList("values", { default: [] });
    entry.rejectUnknownKeys();
    if (values.length > 0) filters[name] = [...(filters[name] ?? []), ...values];
  }
  return filters;
}
