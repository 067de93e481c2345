import type { Clock } from "../shared/platform/clock.js";
import type { ResolveHost } from "../shared/platform/resolve-host.js";

/** Names are resolved again after this time, when an address is asked about. */
const REFRESH_MS = 300_000;

interface MasterAddressesParts {
  /** As `parseMasterUrl` returns them. */
  readonly masters: readonly string[];
  readonly resolveHost: ResolveHost;
  readonly clock: Clock;
}

/**
 * The IP addresses of the configured masters, by which the HTTP server knows their connections.
 * Nothing waits for the resolver: a question is answered from the last resolution.
 */
export class MasterAddresses {
  private readonly addressesOf = new Map<string, readonly string[]>();
  private resolvedMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly parts: MasterAddressesParts) {}

  has(address: string): boolean {
    this.refresh();
    for (const addresses of this.addressesOf.values()) if (addresses.includes(address)) return true;
    return false;
  }

  /** Starts to resolve the names, unless that happened a short time ago. */
  refresh(): void {
    const { masters, clock } = this.parts;
    const nowMs = clock.monotonicMs();
    if (nowMs - this.resolvedMs < REFRESH_MS) return;
    this.resolvedMs = nowMs;
    for (const master of masters) void this.resolve(new URL(master).hostname);
  }

  private async resolve(hostname: string): Promise<void> {
    const name = hostname.replace(/^\[|\]$/g, "");
    try {
      this.addressesOf.set(name, await this.parts.resolveHost(name));
    } catch {
      // The addresses of the last resolution stay. The heartbeats to this master log the failure.
    }
  }
}
