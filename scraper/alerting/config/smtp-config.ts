import path from "node:path";
import type { ConfigSection } from "../../../exporter/shared/config/config-section.js";
import { NO_TLS, parseTls, type TlsConfig } from "../../http-client/tls-config.js";
import type { TextOrFile } from "../../http-client/text-or-file.js";
import type { Secret, SmtpAuth, SmtpServer } from "./notification-config.js";

const IMPLICIT_TLS_PORT = 465;
/** Names of ports that Go knows as well. */
const PORT_NAMES: Readonly<Record<string, number>> = {
  smtp: 25,
  smtps: 465,
  submissions: 465,
  submission: 587,
};

/** The `global.smtp_*` keys. An email_config may override each of them. */
export interface SmtpDefaults {
  readonly from: string | undefined;
  readonly smarthost: Smarthost | undefined;
  readonly hello: string;
  readonly requireTls: boolean;
  /** Undefined: true on port 465 only. */
  readonly implicitTls: boolean | undefined;
  readonly tls: ConfigSection | undefined;
  readonly auth: SmtpAuth;
}

interface Smarthost {
  readonly host: string;
  readonly port: string;
}

/** @throws {ConfigError} */
export function parseSmtpDefaults(global: ConfigSection): SmtpDefaults {
  const none = { username: "", password: undefined, secret: undefined, identity: "" };
  return {
    from: optionalString(global, "smtp_from"),
    smarthost: parseSmarthost(global, "smtp_smarthost"),
    hello: optionalString(global, "smtp_hello") ?? "localhost",
    requireTls: global.boolean("smtp_require_tls", { default: true }),
    implicitTls: optionalBoolean(global, "smtp_force_implicit_tls"),
    tls: global.has("smtp_tls_config") ? global.section("smtp_tls_config") : undefined,
    auth: parseAuth(global, "smtp_auth_", none),
  };
}

/**
 * The mail server of one email_config.
 *
 * @param isUsed false: a server that cannot be used is no error
 * @throws {ConfigError}
 */
export function parseSmtpServer(
  section: ConfigSection,
  defaults: SmtpDefaults,
  isUsed: boolean,
): SmtpServer {
  const smarthost = parseSmarthost(section, "smarthost") ?? defaults.smarthost;
  if (smarthost === undefined) {
    return section.fail(
      "smarthost",
      "is missing, it must be host:port here or as smtp_smarthost in global",
    );
  }
  const port = PORT_NAMES[smarthost.port] ?? Number(smarthost.port);
  const isPort = Number.isInteger(port) && port >= 1 && port <= 65_535;
  if (isUsed && !isPort) {
    section.fail("smarthost", "has a port that is not supported yet, it must be a number to 65535");
  }
  const auth = parseAuth(section, "auth_", defaults.auth);
  const implicitTls = optionalBoolean(section, "force_implicit_tls") ?? defaults.implicitTls;
  const server: SmtpServer = {
    host: smarthost.host === "" ? "localhost" : smarthost.host,
    port: isPort ? port : 0,
    implicitTls: implicitTls ?? port === IMPLICIT_TLS_PORT,
    hello: optionalString(section, "hello") ?? defaults.hello,
    requireTls: section.boolean("require_tls", { default: defaults.requireTls }),
    tls: isUsed ? parseMailTls(section, defaults) : NO_TLS,
    auth: auth.username === "" ? undefined : auth,
  };
  if (isUsed && sendsPasswordInClear(server)) {
    const detail = `is false, it must be true when a password goes to another machine (${server.host})`;
    section.fail("require_tls", detail);
  }
  return server;
}

function parseMailTls(section: ConfigSection, defaults: SmtpDefaults): TlsConfig {
  const tls = section.has("tls_config") ? section.section("tls_config") : defaults.tls;
  if (tls === undefined) return NO_TLS;
  rejectReferences(tls);
  return atFolder(parseTls(tls), path.dirname(section.file));
}

/** Secret managers, which `*_ref` keys refer to, are not part of Alertmanager, either. */
export function rejectReferences(section: ConfigSection): void {
  const given = section.keys().find((key) => key.endsWith("_ref") && section.has(key));
  if (given !== undefined) section.fail(given, "is not supported yet, it must be left out");
}

function atFolder(tls: TlsConfig, folder: string): TlsConfig {
  const absolute = (source: TextOrFile | undefined): TextOrFile | undefined =>
    source !== undefined && "file" in source ? { file: path.resolve(folder, source.file) } : source;
  return { ...tls, ca: absolute(tls.ca), cert: absolute(tls.cert), key: absolute(tls.key) };
}

function sendsPasswordInClear({ host, implicitTls, requireTls, auth }: SmtpServer): boolean {
  const isHere = host === "localhost" || host.startsWith("127.") || host === "::1";
  return auth?.password !== undefined && !requireTls && !implicitTls && !isHere;
}

/** Splits `host:port` as Go does; undefined when the key is missing or empty. */
function parseSmarthost(section: ConfigSection, key: string): Smarthost | undefined {
  const text = optionalString(section, key);
  if (text === undefined) return undefined;
  const match = /^(?:\[([^[\]]*)\]|([^:[\]]*)):([^:[\]]+)$/.exec(text);
  if (match === null) {
    return section.fail(key, `is "${text}", it must be host:port, such as mail.example.org:587`);
  }
  return { host: match[1] ?? match[2] ?? "", port: match[3] ?? "" };
}

function parseAuth(section: ConfigSection, prefix: string, defaults: SmtpAuth): SmtpAuth {
  return {
    username: optionalString(section, `${prefix}username`) ?? defaults.username,
    password: parseSecret(section, `${prefix}password`) ?? defaults.password,
    secret: parseSecret(section, `${prefix}secret`) ?? defaults.secret,
    identity: optionalString(section, `${prefix}identity`) ?? defaults.identity,
  };
}

/**
 * Reads a secret: the content of the file that `<key>_file` names or, without one, the value of
 * `<key>`.
 */
export function parseSecret(section: ConfigSection, key: string): Secret | undefined {
  const text = optionalString(section, key);
  const file = optionalString(section, `${key}_file`);
  if (file !== undefined)
    return { kind: "file", path: path.resolve(path.dirname(section.file), file) };
  return text === undefined ? undefined : { kind: "text", text };
}

/** Undefined when the key is missing or empty. */
export function optionalString(section: ConfigSection, key: string): string | undefined {
  const text = section.string(key, { default: "" });
  return text === "" ? undefined : text;
}

function optionalBoolean(section: ConfigSection, key: string): boolean | undefined {
  return section.has(key) ? section.boolean(key) : undefined;
}
