import {
  createHttpAgent,
  type HttpAgent,
} from "../../exporter/shared/platform/http/http-client.js";
import { proxyOptions, type ProxySettings } from "./proxy-config.js";
import { tlsAgentOptions, type TlsSettings } from "./tls-config.js";

/** How an HTTP client connects. Clients with equal settings can share connections. */
export interface ConnectionSettings {
  readonly tls: TlsSettings;
  /** Undefined: every connection is direct. */
  readonly proxy: ProxySettings | undefined;
}

/** The settings of a client that sets nothing. */
export const DIRECT_CONNECTION: ConnectionSettings = {
  tls: { insecureSkipVerify: false },
  proxy: undefined,
};

/** Connections with these settings. The caller closes the agent. */
export function createClientAgent(
  { tls, proxy }: ConnectionSettings,
  limits: {
    readonly maxSockets: number;
    readonly keepAliveMs?: number;
    /** Path of a Unix socket through which every request goes; then no proxy is used. */
    readonly socketPath?: string;
  },
): HttpAgent {
  return createHttpAgent({
    ...limits,
    tls: tlsAgentOptions(tls),
    ...(proxy === undefined || limits.socketPath !== undefined
      ? {}
      : { proxy: proxyOptions(proxy) }),
  });
}
