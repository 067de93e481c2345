import type { ConfigSection } from "../../exporter/shared/config/config-section.js";
import type { AgentOptions } from "../../exporter/shared/platform/http/http-client.js";
import { parseTextOrFile, type TextOrFile } from "./text-or-file.js";

/** The key `tls_config` before its files are read. */
export interface TlsConfig {
  readonly ca: TextOrFile | undefined;
  readonly cert: TextOrFile | undefined;
  readonly key: TextOrFile | undefined;
  readonly serverName: string;
  readonly insecureSkipVerify: boolean;
  readonly minVersion: TlsVersion | undefined;
  readonly maxVersion: TlsVersion | undefined;
}

/** How a client trusts a server and identifies itself, ready for use. */
export interface TlsSettings {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly serverName?: string;
  readonly insecureSkipVerify: boolean;
  readonly minVersion?: NodeTlsVersion;
  readonly maxVersion?: NodeTlsVersion;
}

const TLS_VERSIONS = ["TLS10", "TLS11", "TLS12", "TLS13"] as const;
type TlsVersion = (typeof TLS_VERSIONS)[number];
/** A configuration without `tls_config`. */
export const NO_TLS: TlsConfig = {
  ca: undefined,
  cert: undefined,
  key: undefined,
  serverName: "",
  insecureSkipVerify: false,
  minVersion: undefined,
  maxVersion: undefined,
};

type NodeTlsVersion = NonNullable<NonNullable<AgentOptions["tls"]>["minVersion"]>;
const NODE_VERSIONS = {
  TLS10: "TLSv1",
  TLS11: "TLSv1.1",
  TLS12: "TLSv1.2",
  TLS13: "TLSv1.3",
} as const satisfies Record<TlsVersion, NodeTlsVersion>;

/** @throws {ConfigError} */
export function parseTls(section: ConfigSection): TlsConfig {
  const tls: TlsConfig = {
    ca: parseTextOrFile(section, "ca", "ca_file"),
    cert: parseTextOrFile(section, "cert", "cert_file"),
    key: parseTextOrFile(section, "key", "key_file"),
    serverName: section.string("server_name", { default: "" }),
    insecureSkipVerify: section.boolean("insecure_skip_verify", { default: false }),
    minVersion: parseVersion(section, "min_version"),
    maxVersion: parseVersion(section, "max_version"),
  };
  section.rejectUnknownKeys();
  if ((tls.cert === undefined) !== (tls.key === undefined)) {
    section.fail(
      tls.cert === undefined ? "key_file" : "cert_file",
      "is given alone, certificate and key must be given together",
    );
  }
  return tls;
}

function parseVersion(section: ConfigSection, key: string): TlsVersion | undefined {
  return section.has(key) ? section.oneOf(key, TLS_VERSIONS) : undefined;
}

/** @param read returns the text of a file or of the configuration */
export async function loadTls(
  config: TlsConfig,
  read: (source: TextOrFile | undefined) => Promise<string | undefined>,
): Promise<TlsSettings> {
  const [ca, cert, key] = [await read(config.ca), await read(config.cert), await read(config.key)];
  const { serverName, insecureSkipVerify, minVersion, maxVersion } = config;
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(serverName === "" ? {} : { serverName }),
    insecureSkipVerify,
    ...(minVersion === undefined ? {} : { minVersion: NODE_VERSIONS[minVersion] }),
    ...(maxVersion === undefined ? {} : { maxVersion: NODE_VERSIONS[maxVersion] }),
  };
}

/** The same settings under the names of Node.js. */
export function tlsAgentOptions({
  serverName,
  insecureSkipVerify,
  ...rest
}: TlsSettings): NonNullable<AgentOptions["tls"]> {
  return {
    ...rest,
    ...(serverName === undefined ? {} : { servername: serverName }),
    rejectUnauthorized: !insecureSkipVerify,
  };
}
