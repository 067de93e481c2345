/**
 * The web configuration of the Prometheus exporter-toolkit (`web.config.file`): TLS and basic
 * authentication of an HTTP server. Relative file names are relative to the configuration file.
 */
import path from "node:path";
import { messageOf } from "../model/errors.js";
import type { Files } from "../platform/files.js";
import type { ListenOptions } from "../platform/http/http-server.js";
import { ConfigSection } from "./config-section.js";
import { ConfigError } from "./yaml-source.js";

export type TlsOptions = NonNullable<ListenOptions["tls"]>;

export interface WebConfig {
  /** Undefined: plain HTTP. */
  readonly tls: TlsOptions | undefined;
  /** Bcrypt hash by user name; empty: no authentication. */
  readonly basicAuthUsers: ReadonlyMap<string, string>;
}

export const OPEN_WEB_CONFIG: WebConfig = Object.freeze({
  tls: undefined,
  basicAuthUsers: new Map<string, string>(),
});

const TLS_VERSIONS = {
  TLS10: "TLSv1",
  TLS11: "TLSv1.1",
  TLS12: "TLSv1.2",
  TLS13: "TLSv1.3",
} as const;
const TLS_VERSION_NAMES = [
  "TLS10",
  "TLS11",
  "TLS12",
  "TLS13",
] as const satisfies readonly (keyof typeof TLS_VERSIONS)[];
const CLIENT_AUTH_TYPES = [
  "NoClientCert",
  "RequestClientCert",
  "RequireAndVerifyClientCert",
] as const;
const BCRYPT_HASH = /^\$2[aby]\$(0[4-9]|1\d|2\d|3[01])\$[./A-Za-z0-9]{53}$/;

/**
 * @throws {ConfigError} naming file, line and key; also when a certificate, key or the file itself
 * cannot be read
 */
export async function loadWebConfig(filePath: string, files: Files): Promise<WebConfig> {
  const section = ConfigSection.parse(await readConfigText(filePath, files), filePath);
  const tls = section.has("tls_server_config")
    ? await parseTls(section.section("tls_server_config"), files)
    : undefined;
  parseHttpServer(section.section("http_server_config"));
  const basicAuthUsers = parseUsers(section);
  section.rejectUnknownKeys();
  return Object.freeze({ tls, basicAuthUsers });
}

async function readConfigText(filePath: string, files: Files): Promise<string> {
  try {
    return await files.readText(filePath);
  } catch (error) {
    throw new ConfigError(filePath, undefined, messageOf(error), { cause: error });
  }
}

async function parseTls(section: ConfigSection, files: Files): Promise<TlsOptions> {
  const clientAuthType = section.oneOf("client_auth_type", CLIENT_AUTH_TYPES, {
    default: "NoClientCert",
  });
  const minVersion = section.oneOf("min_version", TLS_VERSION_NAMES, { default: "TLS12" });
  const maxVersion = section.oneOf("max_version", TLS_VERSION_NAMES, { default: "TLS13" });
  if (minVersion > maxVersion)
    section.fail("min_version", `is ${minVersion}, it must be at most ${maxVersion}`);
  const cert = await readNamedFile(section, "cert_file", files);
  const key = await readNamedFile(section, "key_file", files);
  const ca = section.has("client_ca_file")
    ? await readNamedFile(section, "client_ca_file", files)
    : undefined;
  section.rejectUnknownKeys();
  const verifiesClient = clientAuthType === "RequireAndVerifyClientCert";
  if (verifiesClient && ca === undefined) {
    section.fail("client_auth_type", `is ${clientAuthType}, it must come with client_ca_file`);
  }
  return {
    cert,
    key,
    minVersion: TLS_VERSIONS[minVersion],
    maxVersion: TLS_VERSIONS[maxVersion],
    requestCert: clientAuthType !== "NoClientCert",
    rejectUnauthorized: verifiesClient,
    ...(ca === undefined ? {} : { ca }),
  };
}

async function readNamedFile(section: ConfigSection, key: string, files: Files): Promise<string> {
  const filePath = path.resolve(path.dirname(section.file), section.string(key));
  try {
    return await files.readText(filePath);
  } catch (error) {
    return section.fail(
      key,
      `is ${JSON.stringify(filePath)}, it must be a readable file: ${messageOf(error)}`,
    );
  }
}

/** Accepts `http2` for files that other exporters share; the server speaks HTTP/1.1 only. */
function parseHttpServer(section: ConfigSection): void {
  section.boolean("http2", { default: true });
  section.rejectUnknownKeys();
}

function parseUsers(section: ConfigSection): Map<string, string> {
  const users = new Map(Object.entries(section.stringMap("basic_auth_users")));
  for (const [user, hash] of users) {
    if (BCRYPT_HASH.test(hash)) continue;
    section.fail(
      "basic_auth_users",
      `has no bcrypt hash for user ${JSON.stringify(user)}, it must be like $2y$10$...`,
    );
  }
  return users;
}
