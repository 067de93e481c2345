/** The discoveries that other sections may hold beside `static_configs`: files, servers, names, Docker. */
import path from "node:path";
import type { ConfigSection } from "../../exporter/shared/config/config-section.js";
import {
  type HttpClientSettings,
  readHttpClient,
  rejectUnsupported,
} from "../http-client/http-client-config.js";
import type { ConfigFolder } from "./config-folder.js";
import { type DnsDiscovery, parseDnsDiscovery } from "./dns-source.js";
import {
  type DockerDiscovery,
  parseDockerDiscovery,
  parseSwarmDiscovery,
  type SwarmDiscovery,
} from "./docker-config.js";
import { parseRefresh } from "./refresh-interval.js";

export interface Discoveries {
  readonly files: readonly FileDiscovery[];
  readonly http: readonly HttpDiscovery[];
  readonly dns: readonly DnsDiscovery[];
  readonly docker: readonly (DockerDiscovery | SwarmDiscovery)[];
}

export interface FileDiscovery {
  /** Absolute paths; the last part may contain `*`. */
  readonly patterns: readonly string[];
  readonly refreshMs: number;
}

export interface HttpDiscovery {
  readonly url: string;
  readonly refreshMs: number;
  readonly client: HttpClientSettings;
}

/** Kinds of service discovery that Prometheus supports and this project does not. */
const UNSUPPORTED_DISCOVERY = [
  "azure",
  "consul",
  "digitalocean",
  "ec2",
  "eureka",
  "gce",
  "hetzner",
  "ionos",
  "kubernetes",
  "kuma",
  "lightsail",
  "linode",
  "marathon",
  "nerve",
  "nomad",
  "openstack",
  "ovhcloud",
  "puppetdb",
  "scaleway",
  "serverset",
  "triton",
  "uyuni",
  "vultr",
].map((kind) => `${kind}_sd_configs`);

/**
 * Reads the keys of all discoveries, and the files with their certificates and secrets.
 *
 * @throws {ConfigError} naming file, line and key, also for a discovery that is not supported
 */
export async function parseDiscoveries(
  section: ConfigSection,
  place: ConfigFolder,
): Promise<Discoveries> {
  rejectUnsupported(section, UNSUPPORTED_DISCOVERY);
  return {
    files: section
      .sections("file_sd_configs")
      .map((entry) => parseFileDiscovery(entry, place.folder)),
    http: await parseAll(section.sections("http_sd_configs"), (entry) =>
      parseHttpDiscovery(entry, place),
    ),
    dns: section.sections("dns_sd_configs").map(parseDnsDiscovery),
    docker: [
      ...(await parseAll(section.sections("docker_sd_configs"), (entry) =>
        parseDockerDiscovery(entry, place),
      )),
      ...(await parseAll(section.sections("dockerswarm_sd_configs"), (entry) =>
        parseSwarmDiscovery(entry, place),
      )),
    ],
  };
}

function parseFileDiscovery(section: ConfigSection, folder: string): FileDiscovery {
  const patterns = section.stringList("files");
  const refreshMs = parseRefresh(section, "5m");
  section.rejectUnknownKeys();
  if (patterns.length === 0) section.fail("files", "is empty, it must name at least one file");
  const bad = patterns.find((pattern) => !/^[^*]*(\*[^/*]*)*\.(json|yml|yaml)$/i.test(pattern));
  if (bad !== undefined) {
    section.fail(
      "files",
      `holds ${JSON.stringify(bad)}, it must end in .json, .yml or .yaml with * in its last part only`,
    );
  }
  return { patterns: patterns.map((pattern) => path.resolve(folder, pattern)), refreshMs };
}

async function parseHttpDiscovery(
  section: ConfigSection,
  place: ConfigFolder,
): Promise<HttpDiscovery> {
  const client = await readHttpClient(section, place.files, place.folder);
  const refreshMs = parseRefresh(section, "1m");
  const url = parseUrl(section, "url");
  section.rejectUnknownKeys();
  return { url, refreshMs, client };
}

/**
 * An http or https URL without user and password, which have their own keys and are kept out of
 * messages.
 */
function parseUrl(section: ConfigSection, key: string): string {
  const text = section.string(key);
  const hasHost = /^\w+:\/\/[^/]/.test(text);
  const url = hasHost && URL.canParse(text) ? new URL(text) : undefined;
  if (
    url === undefined ||
    (url.protocol !== "http:" && url.protocol !== "https:") ||
    url.hostname === ""
  ) {
    return section.fail(key, "is no URL, it must begin with http:// or https://");
  }
  if (url.username !== "" || url.password !== "") {
    section.fail(key, "holds a user, it must be given as basic_auth");
  }
  return text;
}

async function parseAll<Result>(
  sections: readonly ConfigSection[],
  parse: (section: ConfigSection) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  for (const section of sections) results.push(await parse(section));
  return results;
}
