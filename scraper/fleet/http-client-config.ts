import path from "node:path";
import type { ConfigSection } from "../../exporter/shared/config/config-section.js";
import { BadInputError, messageOf } from "../../exporter/shared/model/errors.js";
import type { Files } from "../../exporter/shared/platform/files.js";
import type { AgentOptions } from "../../exporter/shared/platform/http/http-client.js";
import type { TlsSettings } from "./target.js";

/** Authentication and trust settings of an HTTP client, ready for use. */
export interface HttpClientSettings {
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: TlsSettings;
}

/** A text in the configuration, or the path of a file that contains it. */
type TextOrFile = { readonly text: string } | { readonly file: string };

/**
 * The keys that `scrape_configs`, `http_sd_configs` and `alertmanagers` share, before their files
 * are read.
 */
interface HttpClientConfig {
  /**
   * Scheme before the secret in `Authorization`; undefined when the secret is `user:password` of
   * basic auth.
   */
  readonly scheme: string | undefined;
  readonly username: string;
  readonly secret: TextOrFile | undefined;
  readonly ca: TextOrFile | undefined;
  readonly cert: TextOrFile | undefined;
  readonly key: TextOrFile | undefined;
  readonly serverName: string;
  readonly insecureSkipVerify: boolean;
}

type Credentials = Pick<HttpClientConfig, "scheme" | "username" | "secret">;

const NO_CREDENTIALS: Credentials = { scheme: undefined, username: "", secret: undefined };
const AUTHENTICATION_KEYS = [
  "basic_auth",
  "authorization",
  "bearer_token",
  "bearer_token_file",
] as const;
/** Keys of an HTTP client that Prometheus supports and this project does not. */
const UNSUPPORTED_KEYS = [
  "oauth2",
  "proxy_url",
  "proxy_from_environment",
  "proxy_connect_header",
  "no_proxy",
  "http_headers",
];

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
  const config = parseHttpClientConfig(section);
  try {
    return await loadHttpClient(config, files, folder);
  } catch (error) {
    const key =
      [...AUTHENTICATION_KEYS, "tls_config"].find((candidate) => section.has(candidate)) ??
      "tls_config";
    return section.attempt(key, () => {
      throw error;
    });
  }
}

function parseHttpClientConfig(section: ConfigSection): HttpClientConfig {
  rejectUnsupported(section, UNSUPPORTED_KEYS);
  // HTTP/2 is never used and redirects are never followed, but both keys are common in
  // configuration files.
  section.boolean("follow_redirects", { default: true });
  section.boolean("enable_http2", { default: true });
  return { ...parseCredentials(section), ...parseTls(section.section("tls_config")) };
}

/**
 * Refuses keys of `prometheus.yml` that this version does not support, with a message that says so.
 */
export function rejectUnsupported(section: ConfigSection, keys: readonly string[]): void {
  const given = keys.find((key) => section.keys().includes(key));
  if (given !== undefined) section.fail(given, "is not supported yet, it must be left out");
}

function parseCredentials(section: ConfigSection): Credentials {
  const [first, second] = AUTHENTICATION_KEYS.filter((key) => section.has(key));
  if (first !== undefined && second !== undefined) {
    section.fail(second, `is given beside ${first}, it must be only one of them`);
  }
  if (first === undefined) return NO_CREDENTIALS;
  if (first === "basic_auth") return parseBasicAuth(section.section(first));
  if (first === "authorization") return parseAuthorization(section.section(first));
  return {
    ...NO_CREDENTIALS,
    scheme: "Bearer",
    secret: textOrFile(section, "bearer_token", "bearer_token_file"),
  };
}

function parseBasicAuth(section: ConfigSection): Credentials {
  const username = section.string("username", { default: "" });
  const secret = textOrFile(section, "password", "password_file");
  section.rejectUnknownKeys();
  return { scheme: undefined, username, secret: secret ?? { text: "" } };
}

function parseAuthorization(section: ConfigSection): Credentials {
  const scheme = section.string("type", {
    default: "Bearer",
    pattern: /^(?![bB][aA][sS][iI][cC]$)[a-zA-Z0-9!#$%&'*+.^_`|~-]+$/,
    expected: "an authentication scheme other than basic, which has its own key basic_auth",
  });
  const secret = textOrFile(section, "credentials", "credentials_file");
  section.rejectUnknownKeys();
  return { ...NO_CREDENTIALS, scheme, secret };
}

function parseTls(section: ConfigSection): Omit<HttpClientConfig, keyof Credentials> {
  const tls = {
    ca: textOrFile(section, "ca", "ca_file"),
    cert: textOrFile(section, "cert", "cert_file"),
    key: textOrFile(section, "key", "key_file"),
    serverName: section.string("server_name", { default: "" }),
    insecureSkipVerify: section.boolean("insecure_skip_verify", { default: false }),
  };
  rejectUnsupported(section, ["min_version", "max_version"]);
  section.rejectUnknownKeys();
  if ((tls.cert === undefined) !== (tls.key === undefined)) {
    section.fail(
      tls.cert === undefined ? "key_file" : "cert_file",
      "is given alone, certificate and key must be given together",
    );
  }
  return tls;
}

function textOrFile(
  section: ConfigSection,
  textKey: string,
  fileKey: string,
): TextOrFile | undefined {
  const text = section.has(textKey) ? section.string(textKey) : undefined;
  const file = section.has(fileKey) ? section.string(fileKey) : undefined;
  if (text !== undefined && file !== undefined) {
    section.fail(fileKey, `is given beside ${textKey}, it must be only one of them`);
  }
  return text !== undefined ? { text } : file !== undefined ? { file } : undefined;
}

async function loadHttpClient(
  config: HttpClientConfig,
  files: Files,
  folder: string,
): Promise<HttpClientSettings> {
  const read = (source: TextOrFile | undefined): Promise<string | undefined> =>
    readTextOrFile(source, files, folder);
  const secret = (await read(config.secret))?.trim();
  const [ca, cert, key] = [await read(config.ca), await read(config.cert), await read(config.key)];
  const tls: TlsSettings = {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(config.serverName === "" ? {} : { serverName: config.serverName }),
    insecureSkipVerify: config.insecureSkipVerify,
  };
  if (secret === undefined) return { headers: {}, tls };
  const credentials =
    config.scheme === undefined
      ? `Basic ${Buffer.from(`${config.username}:${secret}`).toString("base64")}`
      : `${config.scheme} ${secret}`;
  if (!/^[\x20-\x7e]+$/.test(credentials)) {
    throw new BadInputError(
      "Cannot use credentials: they hold other than visible ASCII characters",
    );
  }
  return { headers: { Authorization: credentials }, tls };
}

/** Options for `createHttpAgent`. */
export function tlsAgentOptions({
  ca,
  cert,
  key,
  serverName,
  insecureSkipVerify,
}: TlsSettings): NonNullable<AgentOptions["tls"]> {
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(serverName === undefined ? {} : { servername: serverName }),
    rejectUnauthorized: !insecureSkipVerify,
  };
}

async function readTextOrFile(
  source: TextOrFile | undefined,
  files: Files,
  folder: string,
): Promise<string | undefined> {
  if (source === undefined || "text" in source) return source?.text;
  const file = path.resolve(folder, source.file);
  try {
    return await files.readText(file);
  } catch (error) {
    throw new BadInputError(`Cannot read "${file}": ${messageOf(error)}`, { cause: error });
  }
}
