import type { ConfigSection } from "../../exporter/shared/config/config-section.js";
import { environment } from "../../exporter/shared/platform/process.js";
import type { ProxyOptions } from "../../exporter/shared/platform/http/http-proxy.js";
import { isExemptFromProxy } from "./no-proxy.js";

/** The proxies of an HTTP client. */
export interface ProxySettings {
  /** For http URLs. */
  readonly http: string | undefined;
  /** For https URLs. */
  readonly https: string | undefined;
  /** Hosts that are reached directly, as in the variable NO_PROXY; undefined: none. */
  readonly exempt: string | undefined;
  /** Sent to the proxy with CONNECT. */
  readonly connectHeaders: Readonly<Record<string, string>>;
}

/**
 * Reads the keys of an HTTP client that concern proxies.
 *
 * @returns undefined when every connection is direct
 * @throws {ConfigError}
 */
export function parseProxy(section: ConfigSection): ProxySettings | undefined {
  const url = parseProxyUrl(section);
  const exempt = section.string("no_proxy", { default: "" });
  const isFromEnvironment = section.boolean("proxy_from_environment", { default: false });
  const connectHeaders = parseConnectHeaders(section);
  if (isFromEnvironment) {
    for (const key of ["proxy_url", "no_proxy"]) {
      if (section.string(key, { default: "" }) !== "") {
        section.fail(key, "is given beside proxy_from_environment, it must be only one of them");
      }
    }
    return proxyFromEnvironment(environment(), connectHeaders);
  }
  if (url === undefined) {
    if (exempt !== "") section.fail("no_proxy", "is given alone, it must come with proxy_url");
    if (section.section("proxy_connect_header").keys().length > 0) {
      section.fail("proxy_connect_header", "is given alone, it must come with proxy_url");
    }
    return undefined;
  }
  return { http: url, https: url, exempt: exempt === "" ? undefined : exempt, connectHeaders };
}

/** How `createHttpAgent` chooses a proxy. */
export function proxyOptions({ exempt, connectHeaders, ...urls }: ProxySettings): ProxyOptions {
  const proxies = {
    http: urls.http === undefined ? undefined : new URL(urls.http),
    https: urls.https === undefined ? undefined : new URL(urls.https),
  };
  return {
    connectHeaders,
    choose(url) {
      if (exempt !== undefined && isExemptFromProxy(url, exempt)) return undefined;
      return url.protocol === "https:" ? proxies.https : proxies.http;
    },
  };
}

function parseProxyUrl(section: ConfigSection): string | undefined {
  const text = section.string("proxy_url", { default: "" });
  if (text === "") return undefined;
  // The URL may hold a password, so no message shows it.
  if (!isProxyUrl(text)) {
    section.fail("proxy_url", "is not supported, it must begin with http:// or https://");
  }
  return text;
}

const isProxyUrl = (text: string): boolean =>
  URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);

function parseConnectHeaders(section: ConfigSection): Record<string, string> {
  const headers = section.section("proxy_connect_header");
  return Object.fromEntries(
    headers.keys().map((name) => [name, headers.stringList(name).join(", ")] as const),
  );
}

/** The variables HTTP_PROXY, HTTPS_PROXY and NO_PROXY, in upper or lower case. */
function proxyFromEnvironment(
  variables: Readonly<Record<string, string | undefined>>,
  connectHeaders: Readonly<Record<string, string>>,
): ProxySettings | undefined {
  const valueOf = (name: string): string => variables[name] ?? variables[name.toLowerCase()] ?? "";
  const [http, https] = [proxyUrlOf(valueOf("HTTP_PROXY")), proxyUrlOf(valueOf("HTTPS_PROXY"))];
  if (http === undefined && https === undefined) return undefined;
  // Loopback addresses are always exempt here, even if NO_PROXY is empty.
  return { http, https, exempt: valueOf("NO_PROXY"), connectHeaders };
}

/** A proxy may be given as host:port. One that cannot be used is ignored, as in curl. */
function proxyUrlOf(text: string): string | undefined {
  if (text === "") return undefined;
  const url = text.includes("://") ? text : `http://${text}`;
  return isProxyUrl(url) ? url : undefined;
}
