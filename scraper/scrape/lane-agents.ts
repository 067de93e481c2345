import type { HttpAgent } from "../../exporter/shared/platform/http/http-client.js";
import { LeanHttp } from "../../exporter/shared/platform/http/lean-http.js";
import { type ConnectionSettings, createClientAgent } from "../http-client/http-client-agent.js";

/**
 * Connections per host that are kept alive. One is in use; a second exists only while the first is
 * closing.
 */
const SOCKETS_PER_HOST = 2;
/** Longer than most scrape intervals, so the connection of the last scrape is still open. */
const KEEP_ALIVE_MS = 120_000;

/**
 * The connections of one lane: one client for all plain targets, and an agent for each distinct
 * settings of TLS and proxy.
 */
export class LaneAgents {
  private readonly lean = new LeanHttp(KEEP_ALIVE_MS);
  private readonly byText = new Map<string, HttpAgent>();
  /** Jobs share their settings object, so most lookups end here. */
  private readonly bySettings = new WeakMap<ConnectionSettings, HttpAgent>();

  agentFor(settings: ConnectionSettings): HttpAgent {
    const known = this.bySettings.get(settings);
    if (known !== undefined) return known;
    const key = JSON.stringify(settings);
    const agent = this.byText.get(key) ?? this.createAgent(settings);
    this.byText.set(key, agent);
    this.bySettings.set(settings, agent);
    return agent;
  }

  close(): void {
    this.lean.close();
    for (const agent of this.byText.values()) agent.close();
    this.byText.clear();
  }

  private createAgent(settings: ConnectionSettings): HttpAgent {
    const limits = { maxSockets: SOCKETS_PER_HOST, keepAliveMs: KEEP_ALIVE_MS };
    const agent = createClientAgent(settings, limits);
    // The lean client knows no proxies.
    return settings.proxy === undefined ? { ...agent, lean: this.lean.send } : agent;
  }
}
