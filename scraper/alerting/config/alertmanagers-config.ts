import type { ConfigSection } from "../../../exporter/shared/config/config-section.js";
import type { Secret, TlsFiles } from "./notification-config.js";
import { optionalString, parseSecret, parseTlsFiles } from "./smtp-config.js";

/** A real Alertmanager that gets alerts forwarded. */
export interface AlertmanagerEndpoint {
  /** URL of its `/api/v2/alerts`. */
  readonly url: string;
  readonly timeoutMs: number;
  readonly tls: TlsFiles;
  readonly basicAuth:
    { readonly username: string; readonly password: Secret | undefined } | undefined;
  readonly authorization: { readonly type: string; readonly credentials: Secret } | undefined;
}

const MAX_ALERTMANAGERS = 32;
const NO_TLS: TlsFiles = {
  caFile: undefined,
  certFile: undefined,
  keyFile: undefined,
  serverName: undefined,
  insecureSkipVerify: false,
};

/**
 * Reads the `alerting` section of a prometheus.yml.
 *
 * @throws {ConfigError} when the section has anything but `alertmanagers` with `static_configs`
 */
export function parseAlertmanagers(alerting: ConfigSection): AlertmanagerEndpoint[] {
  const endpoints = alerting.sections("alertmanagers").flatMap(parseGroup);
  alerting.rejectUnknownKeys();
  if (endpoints.length > MAX_ALERTMANAGERS) {
    alerting.fail(
      "alertmanagers",
      `has ${endpoints.length} targets, it must have at most ${MAX_ALERTMANAGERS}`,
    );
  }
  return endpoints;
}

function parseGroup(section: ConfigSection): AlertmanagerEndpoint[] {
  // Accepted because many files have these keys. Redirects are not followed and HTTP/2 is not used.
  section.boolean("follow_redirects", { default: true });
  section.boolean("enable_http2", { default: true });
  const scheme = section.oneOf("scheme", ["http", "https"], { default: "http" });
  const prefix = section.string("path_prefix", {
    default: "/",
    pattern: /^\/?[\w./~-]*$/,
    expected: "a path",
  });
  section.oneOf("api_version", ["v2"], { default: "v2" });
  const common = {
    timeoutMs: section.durationMs("timeout", { default: "10s", min: "1s", max: "1m" }),
    tls: parseTlsFiles(section, "tls_config", NO_TLS),
    basicAuth: parseBasicAuth(section),
    authorization: parseAuthorization(section),
  };
  const targets = section.sections("static_configs").flatMap((entry) => parseTargets(entry));
  section.rejectUnknownKeys();
  const path = `/${prefix}/api/v2/alerts`.replace(/\/+/g, "/");
  return targets.map((target) => ({ ...common, url: `${scheme}://${target}${path}` }));
}

function parseTargets(section: ConfigSection): string[] {
  const targets = section.strings("targets");
  section.rejectUnknownKeys();
  for (const target of targets) {
    const isHostPort =
      /^(\[[0-9a-fA-F:.]+\]|[\w.-]+):\d{1,5}$/.test(target) && URL.canParse(`http://${target}`);
    if (!isHostPort) section.fail("targets", `has "${target}", it must be host:port`);
  }
  return targets;
}

function parseBasicAuth(parent: ConfigSection): AlertmanagerEndpoint["basicAuth"] {
  if (!parent.has("basic_auth")) return undefined;
  const section = parent.section("basic_auth");
  const auth = { username: section.string("username"), password: parseSecret(section, "password") };
  section.rejectUnknownKeys();
  return auth;
}

function parseAuthorization(parent: ConfigSection): AlertmanagerEndpoint["authorization"] {
  if (!parent.has("authorization")) return undefined;
  if (parent.has("basic_auth"))
    parent.fail("authorization", "is set beside basic_auth, only one of them must be");
  const section = parent.section("authorization");
  const credentials = parseSecret(section, "credentials");
  const type = optionalString(section, "type") ?? "Bearer";
  section.rejectUnknownKeys();
  if (credentials === undefined)
    return section.fail("credentials", "is missing, it or credentials_file must be there");
  return { type, credentials };
}
