/**
 * The keys of an HTTP client as Prometheus and Alertmanager write them: authentication, TLS, proxy
 * and extra headers. `scrape_configs`, `http_sd_configs` and the other discoveries have them beside
 * their own keys, receivers in `http_config`. A section goes in, headers and settings of the
 * connection come out.
 */
import type { ConfigSection } from "../../exporter/shared/config/config-section.js";
import { BadInputError } from "../../exporter/shared/model/errors.js";
import type { Files } from "../../exporter/shared/platform/files.js";
import { type HeaderValue, parseHttpHeaders } from "./header-config.js";
import type { ConnectionSettings } from "./http-client-agent.js";
import { parseProxy, type ProxySettings } from "./proxy-config.js";
import { parseTextOrFile, readTextOrFile, type TextOrFile } from "./text-or-file.js";
import { loadTls, parseTls, type TlsConfig } from "./tls-config.js";

/** An HTTP client, ready for use. */
export interface HttpClientSettings {
  /** `Authorization` and the extra headers. */
  readonly headers: Readonly<Record<string, string>>;
  readonly connection: ConnectionSettings;
  readonly followsRedirects: boolean;
}

/** An HTTP client before its files are read. */
export interface HttpClientConfig {
  readonly credentials: Credentials | undefined;
  readonly tls: TlsConfig;
  readonly proxy: ProxySettings | undefined;
  readonly headers: readonly HeaderValue[];
  readonly followsRedirects: boolean;
}

type Credentials =
  | { readonly scheme: "Basic"; readonly username: TextOrFile; readonly secret: TextOrFile }
  | { readonly scheme: string; readonly username: undefined; readonly secret: TextOrFile };

const AUTHENTICATION_KEYS = [
  "basic_auth",
  "authorization",
  "bearer_token",
  "bearer_token_file",
] as const;
const VISIBLE_ASCII = /^[\x20-\x7e]*$/;

/**
 * Reads the keys of an HTTP client and their files.
 *
 * @param folder base of relative paths
 * @throws {ConfigError} also when a file cannot be read; no message contains a secret
 */
export async function readHttpClient(
  section: ConfigSection,
  files: Files,
  folder: string,
): Promise<HttpClientSettings> {
  const config = parseHttpClient(section);
  try {
    return await loadHttpClient(config, files, folder);
  } catch (error) {
    const key =
      [...AUTHENTICATION_KEYS, "tls_config", "http_headers"].find((candidate) =>
        section.has(candidate),
      ) ?? "tls_config";
    return section.attempt(key, () => {
      throw error;
    });
  }
}

/**
 * Reads the keys of an HTTP client, but no file.
 *
 * @throws {ConfigError}
 */
export function parseHttpClient(section: ConfigSection): HttpClientConfig {
  rejectUnsupported(section, ["oauth2"]);
  // HTTP/2 is never used, but the key is common in configuration files.
  section.boolean("enable_http2", { default: true });
  return {
    credentials: parseCredentials(section),
    tls: parseTls(section.section("tls_config")),
    proxy: parseProxy(section),
    headers: parseHttpHeaders(section),
    followsRedirects: section.boolean("follow_redirects", { default: true }),
  };
}

/**
 * Reads the files that the keys name.
 *
 * @param folder base of relative paths
 * @throws {BadInputError} when a file cannot be read, or a header would hold other than visible
 * ASCII characters
 */
export async function loadHttpClient(
  config: HttpClientConfig,
  files: Files,
  folder: string,
): Promise<HttpClientSettings> {
  const read = (source: TextOrFile | undefined): Promise<string | undefined> =>
    readTextOrFile(source, files, folder);
  const headers: Record<string, string> = {};
  for (const { name, value } of config.headers) {
    const text = (await read(value))?.trim() ?? "";
    headers[name] = name in headers ? `${headers[name]}, ${text}` : text;
  }
  const credentials = await credentialsText(config.credentials, read);
  if (credentials !== undefined) headers["Authorization"] = credentials;
  const bad = Object.entries(headers).find(([, value]) => !VISIBLE_ASCII.test(value));
  if (bad !== undefined) {
    const name = bad[0] === "Authorization" ? "credentials" : `header ${bad[0]}`;
    throw new BadInputError(`Cannot use ${name}: they hold other than visible ASCII characters`);
  }
  return {
    headers,
    connection: { tls: await loadTls(config.tls, read), proxy: config.proxy },
    followsRedirects: config.followsRedirects,
  };
}

/**
 * Refuses keys of `prometheus.yml` that this version does not support, with a message that says so.
 */
export function rejectUnsupported(section: ConfigSection, keys: readonly string[]): void {
  const given = keys.find((key) => section.keys().includes(key));
  if (given !== undefined) section.fail(given, "is not supported yet, it must be left out");
}

function parseCredentials(section: ConfigSection): Credentials | undefined {
  const [first, second] = AUTHENTICATION_KEYS.filter((key) => section.has(key));
  if (first !== undefined && second !== undefined) {
    section.fail(second, `is given beside ${first}, it must be only one of them`);
  }
  if (first === undefined) return undefined;
  if (first === "basic_auth") return parseBasicAuth(section.section(first));
  if (first === "authorization") return parseAuthorization(section.section(first));
  return bearer("Bearer", parseTextOrFile(section, "bearer_token", "bearer_token_file"));
}

function parseBasicAuth(section: ConfigSection): Credentials {
  const username = parseTextOrFile(section, "username", "username_file") ?? { text: "" };
  const secret = parseTextOrFile(section, "password", "password_file") ?? { text: "" };
  section.rejectUnknownKeys();
  return { scheme: "Basic", username, secret };
}

function parseAuthorization(section: ConfigSection): Credentials | undefined {
  const given = section.string("type", { default: "" }).trim();
  const scheme = given === "" ? "Bearer" : given;
  if (!/^(?!basic$)[a-z0-9!#$%&'*+.^_`|~-]+$/i.test(scheme)) {
    section.fail(
      "type",
      "is not usable, it must be an authentication scheme other than basic, which has its own key basic_auth",
    );
  }
  const secret = parseTextOrFile(section, "credentials", "credentials_file");
  section.rejectUnknownKeys();
  return bearer(scheme, secret);
}

const bearer = (scheme: string, secret: TextOrFile | undefined): Credentials | undefined =>
  secret && { scheme, username: undefined, secret };

async function credentialsText(
  credentials: Credentials | undefined,
  read: (source: TextOrFile) => Promise<string | undefined>,
): Promise<string | undefined> {
  if (credentials === undefined) return undefined;
  const { scheme, username } = credentials;
  const secret = (await read(credentials.secret))?.trim() ?? "";
  if (username === undefined) return `${scheme} ${secret}`;
  const pair = `${(await read(username))?.trim() ?? ""}:${secret}`;
  return `Basic ${Buffer.from(pair).toString("base64")}`;
}
