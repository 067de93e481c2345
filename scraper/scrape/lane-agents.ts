import { createHttpAgent, type HttpAgent } from "../../exporter/shared/platform/http-client.js";
import type { TlsSettings } from "../fleet/target.js";

/** Kept-alive connections per host: one is in use, a second only while the first is being closed. */
const SOCKETS_PER_HOST = 2;
/** Longer than most scrape intervals, so that the connection of the last scrape is still there. */
const KEEP_ALIVE_MS = 120_000;

/** The connections of one lane: one agent for all plain targets, one more for each kind of TLS settings. */
export class LaneAgents {
  private readonly byTls = new Map<string, HttpAgent>();

  agentFor(tls: TlsSettings): HttpAgent {
    const key = JSON.stringify(tls);
    const known = this.byTls.get(key);
    if (known !== undefined) return known;
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
    this.byTls.set(key, agent);
    return agent;
  }

  close(): void {
    for (const agent of this.byTls.values()) agent.close();
    this.byTls.clear();
  }
}
