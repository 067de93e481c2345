import path from "node:path";
import type { ConfigSection } from "../../../exporter/shared/config/config-section.js";
import type { Secret, SmtpAuth, SmtpServer, TlsFiles } from "./notification-config.js";

const IMPLICIT_TLS_PORT = 465;
const NO_TLS_FILES: TlsFiles = {
  caFile: undefined,
  certFile: undefined,
  keyFile: undefined,
  serverName: undefined,
  insecureSkipVerify: false,
};

/** The `global.smtp_*` keys. An email_config may override each of them. */
export interface SmtpDefaults {
  readonly from: string | undefined;
  readonly smarthost: string | undefined;
  readonly hello: string;
  readonly requireTls: boolean;
  /** Undefined: true on port 465 only. */
  readonly implicitTls: boolean | undefined;
  readonly tls: TlsFiles;
  readonly auth: SmtpAuth;
}

/**
 * Does not reject unknown keys: the section has others.
 *
 * @throws {ConfigError}
 */
export function parseSmtpDefaults(global: ConfigSection): SmtpDefaults {
  const none = { username: "", password: undefined, secret: undefined, identity: "" };
  return {
    from: optionalString(global, "smtp_from"),
    smarthost: optionalString(global, "smtp_smarthost"),
    hello: helloOf(global, "smtp_hello", "localhost"),
    requireTls: global.boolean("smtp_require_tls", { default: true }),
    implicitTls: optionalBoolean(global, "smtp_force_implicit_tls"),
    tls: parseTlsFiles(global, "smtp_tls_config", NO_TLS_FILES),
    auth: parseAuth(global, "smtp_auth_", none),
  };
}

/**
 * The mail server of one email_config.
 *
 * @throws {ConfigError}
 */
export function parseSmtpServer(section: ConfigSection, defaults: SmtpDefaults): SmtpServer {
  const smarthost = optionalString(section, "smarthost") ?? defaults.smarthost;
  if (smarthost === undefined) {
    section.fail(
      "smarthost",
      "is missing, it must be host:port here or as smtp_smarthost in global",
    );
  }
  const auth = parseAuth(section, "auth_", defaults.auth);
  const place = splitSmarthost(section, smarthost);
  const implicitTls = optionalBoolean(section, "force_implicit_tls") ?? defaults.implicitTls;
  const server: SmtpServer = {
    ...place,
    implicitTls: implicitTls ?? place.port === IMPLICIT_TLS_PORT,
    hello: helloOf(section, "hello", defaults.hello),
    requireTls: section.boolean("require_tls", { default: defaults.requireTls }),
    tls: parseTlsFiles(section, "tls_config", defaults.tls),
    auth: auth.username === "" ? undefined : auth,
  };
  if (sendsPasswordInClear(server)) {
    const detail = `is false, it must be true when a password goes to another machine (${server.host})`;
    section.fail("require_tls", detail);
  }
  return server;
}

function sendsPasswordInClear({ host, implicitTls, requireTls, auth }: SmtpServer): boolean {
  const isHere = host === "localhost" || host.startsWith("127.") || host === "::1";
  return auth?.password !== undefined && !requireTls && !implicitTls && !isHere;
}

function splitSmarthost(section: ConfigSection, smarthost: string): { host: string; port: number } {
  const [, bracketed, plain, digits] =
    /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]]+)):(\d{1,5})$/.exec(smarthost) ?? [];
  const host = bracketed ?? plain ?? "";
  const port = Number(digits);
  if (
    host === "" ||
    (bracketed !== undefined && !bracketed.includes(":")) ||
    !(port >= 1 && port <= 65_535)
  ) {
    section.fail(
      "smarthost",
      `is "${smarthost}", it must be host:port, such as mail.example.org:587`,
    );
  }
  return { host, port };
}

function helloOf(section: ConfigSection, key: string, standard: string): string {
  return section.string(key, {
    default: standard,
    pattern: /^[a-zA-Z0-9._:[\]-]{1,253}$/,
    expected: "a host name",
  });
}

function parseAuth(section: ConfigSection, prefix: string, defaults: SmtpAuth): SmtpAuth {
  return {
    username: section.string(`${prefix}username`, { default: defaults.username }),
    password: parseSecret(section, `${prefix}password`) ?? defaults.password,
    secret: parseSecret(section, `${prefix}secret`) ?? defaults.secret,
    identity: section.string(`${prefix}identity`, { default: defaults.identity }),
  };
}

/**
 * Reads a secret: the value of `<key>` or the content of the file that `<key>_file` names.
 *
 * @throws {ConfigError} when both are set
 */
export function parseSecret(section: ConfigSection, key: string): Secret | undefined {
  const text = optionalString(section, key);
  const file = optionalPath(section, `${key}_file`);
  if (text !== undefined && file !== undefined) {
    section.fail(`${key}_file`, `is set beside ${key}, only one of them must be`);
  }
  if (text !== undefined) return { kind: "text", text };
  return file === undefined ? undefined : { kind: "file", path: file };
}

/** @throws {ConfigError} */
export function parseTlsFiles(parent: ConfigSection, key: string, defaults: TlsFiles): TlsFiles {
  if (!parent.has(key)) return defaults;
  const section = parent.section(key);
  const files = {
    caFile: optionalPath(section, "ca_file"),
    certFile: optionalPath(section, "cert_file"),
    keyFile: optionalPath(section, "key_file"),
    serverName: optionalString(section, "server_name"),
    insecureSkipVerify: section.boolean("insecure_skip_verify", { default: false }),
  };
  section.rejectUnknownKeys();
  if ((files.certFile === undefined) !== (files.keyFile === undefined)) {
    section.fail(
      files.certFile === undefined ? "cert_file" : "key_file",
      "is missing, both or none must be there",
    );
  }
  return files;
}

/** Undefined when the key is missing or empty. */
export function optionalString(section: ConfigSection, key: string): string | undefined {
  const text = section.string(key, { default: "" });
  return text === "" ? undefined : text;
}

function optionalBoolean(section: ConfigSection, key: string): boolean | undefined {
  return section.has(key) ? section.boolean(key) : undefined;
}

/** Resolves a path relative to the folder of the configuration file. */
function optionalPath(section: ConfigSection, key: string): string | undefined {
  const text = optionalString(section, key);
  return text === undefined ? undefined : path.resolve(path.dirname(section.file), text);
}
