import {
  createHttpAgent,
  type HttpAgent,
} from "../../exporter/shared/platform/http/http-client.js";
import { LeanHttp } from "../../exporter/shared/platform/http/lean-http.js";
import type { TlsSettings } from "../fleet/target.js";

/**
 * Connections per host that are kept alive. One is in use; a second exists only while the first is
 * closing.
 */
const SOCKETS_PER_HOST = 2;
/** Longer than most scrape intervals, so the connection of the last scrape is still open. */
const KEEP_ALIVE_MS = 120_000;

/**
 * The connections of one lane: one client for all plain targets, and an agent for each distinct TLS
 * settings.
 */
export class LaneAgents {
  private readonly lean = new LeanHttp(KEEP_ALIVE_MS);
  private readonly byTls = new Map<string, HttpAgent>();
  /** Jobs share their settings object, so most lookups end here. */
  private readonly bySettings = new WeakMap<TlsSettings, HttpAgent>();

  agentFor(tls: TlsSettings): HttpAgent {
    const known = this.bySettings.get(tls);
    if (known !== undefined) return known;
    const key = JSON.stringify(tls);
    const agent = this.byTls.get(key) ?? this.createAgent(tls);
    this.byTls.set(key, agent);
    this.bySettings.set(tls, agent);
    return agent;
  }

  close(): void {
    this.lean.close();
    for (const agent of this.byTls.values()) agent.close();
    this.byTls.clear();
  }

  private createAgent(tls: TlsSettings): HttpAgent {
    const { ca, cert, key: privateKey, serverName, insecureSkipVerify } = tls;
    const agent = createHttpAgent({
      maxSockets: SOCKETS_PER_HOST,
      keepAliveMs: KEEP_ALIVE_MS,
      tls: {
        ...(ca === undefined ? {} : { ca }),
        ...(cert === undefined ? {} : { cert }),
        ...(privateKey === undefined ? {} : { key: privateKey }),
        ...(serverName === undefined ? {} : { servername: serverName }),
        rejectUnauthorized: !insecureSkipVerify,
      },
    });
    return { ...agent, lean: this.lean.send };
  }
}
