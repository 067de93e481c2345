import { messageOf } from "../../exporter/shared/model/errors.js";
import type { Clock } from "../../exporter/shared/platform/clock.js";
import type { Logger } from "../../exporter/shared/platform/logger.js";
import type { ResolveHost } from "../../exporter/shared/platform/resolve-host.js";
import { canonicalAddress } from "../fleet/ip-address.js";
import { WakeableSleep } from "../../exporter/shared/platform/wakeable-sleep.js";

const REFRESH_MS = 600_000;

interface NameEntry {
  addresses: readonly string[];
  resolvedMs: number | undefined;
}

/**
 * Addresses of the host names in the configuration. They are resolved one after the other in the
 * background, so a lookup that hangs does not block the threads that files need.
 */
export class NameTable {
  private readonly entries = new Map<string, NameEntry>();
  private readonly namesByAddress = new Map<string, Set<string>>();
  private readonly stopping = new AbortController();
  private readonly pause: WakeableSleep;
  private ended: Promise<void> | undefined;

  constructor(
    private readonly parts: {
      readonly resolveHost: ResolveHost;
      readonly clock: Clock;
      readonly log: Logger;
      /** The addresses of a name have changed. */
      readonly onAddressesChanged: (name: string) => void;
    },
  ) {
    this.pause = new WakeableSleep(parts.clock, this.stopping.signal);
  }

  start(): void {
    this.ended = this.run();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.ended;
  }

  /** Resolves these names from now on, and forgets all others. */
  setNames(names: ReadonlySet<string>): void {
    for (const name of this.entries.keys()) {
      if (names.has(name)) continue;
      this.setAddresses(name, []);
      this.entries.delete(name);
    }
    for (const name of names) {
      if (!this.entries.has(name)) this.entries.set(name, { addresses: [], resolvedMs: undefined });
    }
    this.pause.wake();
  }

  /** Empty until the name has been resolved. */
  addressesOf(name: string): readonly string[] {
    return this.entries.get(name)?.addresses ?? [];
  }

  namesOf(address: string): ReadonlySet<string> | undefined {
    return this.namesByAddress.get(address);
  }

  private async run(): Promise<void> {
    while (!this.stopping.signal.aborted) {
      const due = this.nextDue();
      if (due === undefined) await this.pause.sleep(REFRESH_MS / 10);
      else await this.lookUp(due);
    }
  }

  private nextDue(): string | undefined {
    const nowMs = this.parts.clock.monotonicMs();
    for (const [name, { resolvedMs }] of this.entries) {
      if (resolvedMs === undefined || nowMs - resolvedMs >= REFRESH_MS) return name;
    }
    return undefined;
  }

  private async lookUp(name: string): Promise<void> {
    let addresses: string[] = [];
    try {
      const found = await this.parts.resolveHost(name);
      addresses = [...new Set(found.map((address) => canonicalAddress(address) ?? address))].sort();
    } catch (error) {
      this.parts.log.debug("Cannot resolve name", { name, error: messageOf(error) });
    }
    const entry = this.entries.get(name);
    if (entry === undefined || this.stopping.signal.aborted) return;
    // Moves the name to the end of the map, so that the next due names are at its start.
    this.entries.delete(name);
    this.entries.set(name, entry);
    entry.resolvedMs = this.parts.clock.monotonicMs();
    if (entry.addresses.join() === addresses.join()) return;
    this.setAddresses(name, addresses);
    this.parts.onAddressesChanged(name);
  }

  private setAddresses(name: string, addresses: readonly string[]): void {
    const entry = this.entries.get(name);
    if (entry === undefined) return;
    for (const address of entry.addresses) {
      const names = this.namesByAddress.get(address);
      names?.delete(name);
      if (names?.size === 0) this.namesByAddress.delete(address);
    }
    for (const address of addresses) {
      const names = this.namesByAddress.get(address) ?? new Set();
      this.namesByAddress.set(address, names.add(name));
    }
    entry.addresses = addresses;
  }
}
