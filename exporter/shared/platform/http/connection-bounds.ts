/**
 * Bounds on the connections of an HTTP server: for all together and for each address. At a bound the
 * connection that has waited longest for its client is closed. A friend, such as the master of an
 * exporter or a client that has shown credentials, is not closed to make room for a stranger.
 *
 * Accepted sockets come in, and a timer looks for clients that do not read their responses.
 */
import type { LogFields } from "../logger.js";
import type { ServedConnection } from "./served-connection.js";

export interface ConnectionLimits {
  readonly maxConnections: number;
  readonly maxPerAddress: number;
  /** True for the address of a client that this program knows from its configuration. */
  readonly isFriend: (address: string) => boolean;
}

/** Connections closed at once when a bound is reached, so that a flood of clients costs little. */
const VICTIMS_AT_ONCE = 16;
/** Shortest time between two warnings. */
const WARN_EVERY_MS = 60_000;

export type CloseReason = "connection_limit" | "address_limit" | "slow_reader";

/** The connections of one address. */
interface Crowd {
  readonly all: Set<ServedConnection>;
  /** Those that wait for their client, the longest wait first. */
  readonly idle: Set<ServedConnection>;
}

export class ConnectionBounds {
  /** Connections closed or refused since the start, by reason. */
  readonly closed: Record<CloseReason, number> = {
    connection_limit: 0,
    address_limit: 0,
    slow_reader: 0,
  };
  private readonly crowds = new Map<string, Crowd>();
  private open = 0;
  private warnedMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly limits: ConnectionLimits,
    private readonly monotonicMs: () => number,
    private readonly warn: (message: string, fields: LogFields) => void,
  ) {}

  get size(): number {
    return this.open;
  }

  /** @returns false when the connection was closed at once, because a bound is reached */
  admit(connection: ServedConnection): boolean {
    const { address } = connection;
    const { maxConnections, maxPerAddress } = this.limits;
    const crowd = this.crowds.get(address);
    if (crowd !== undefined && crowd.all.size >= maxPerAddress && !this.makeRoomIn(crowd))
      return this.refuse(connection, "address_limit");
    if (this.open >= maxConnections && !this.makeRoom())
      return this.refuse(connection, "connection_limit");
    const own = this.crowds.get(address) ?? { all: new Set(), idle: new Set() };
    this.crowds.set(address, own);
    own.all.add(connection);
    own.idle.add(connection);
    this.open++;
    return true;
  }

  /** A request of the connection begins, or its last response has been sent. */
  noteChange(connection: ServedConnection): void {
    const crowd = this.crowds.get(connection.address);
    if (crowd?.all.has(connection) !== true) return;
    crowd.idle.delete(connection);
    if (!connection.isBusy) crowd.idle.add(connection);
  }

  forget(connection: ServedConnection): void {
    const crowd = this.crowds.get(connection.address);
    if (crowd?.all.delete(connection) !== true) return;
    this.open--;
    crowd.idle.delete(connection);
    if (crowd.all.size === 0) this.crowds.delete(connection.address);
  }

  /** Closes the connections of clients that read their response too slowly. */
  closeSlow(): void {
    const nowMs = this.monotonicMs();
    for (const { all } of this.crowds.values()) {
      for (const connection of all)
        if (!connection.isFlowing(nowMs)) this.close(connection, "slow_reader");
    }
  }

  private makeRoomIn(crowd: Crowd): boolean {
    const waiting = [...waitingOf(crowd)];
    const victim = waiting.find((connection) => !connection.hasShownCredentials) ?? waiting[0];
    if (victim === undefined) return false;
    this.close(victim, "address_limit");
    return true;
  }

  /** Closes connections of the address that has most of them. */
  private makeRoom(): boolean {
    let largest: ServedConnection[] = [];
    let largestSize = 0;
    const wanted = Math.ceil(Math.min(VICTIMS_AT_ONCE, this.limits.maxConnections / 16));
    for (const [address, crowd] of this.crowds) {
      if (crowd.all.size < largestSize || this.limits.isFriend(address)) continue;
      if (crowd.all.size === largestSize && largest.length >= wanted) continue;
      const found = strangersIn(crowd, wanted);
      if (found.length === 0) continue;
      largest = crowd.all.size > largestSize ? found : [...largest, ...found];
      largestSize = crowd.all.size;
    }
    for (const victim of largest.slice(0, wanted)) this.close(victim, "connection_limit");
    return largest.length > 0;
  }

  private refuse(connection: ServedConnection, reason: CloseReason): false {
    this.close(connection, reason);
    return false;
  }

  private close(connection: ServedConnection, reason: CloseReason): void {
    this.closed[reason]++;
    this.forget(connection);
    connection.close();
    const nowMs = this.monotonicMs();
    if (nowMs - this.warnedMs < WARN_EVERY_MS) return;
    this.warnedMs = nowMs;
    const { maxConnections, maxPerAddress } = this.limits;
    const fields = { address: connection.address, reason, open: this.open };
    this.warn("Connection closed", { ...fields, maxConnections, maxPerAddress });
  }
}

/** The connections that wait for their client, the longest wait first. */
function* waitingOf({ all, idle }: Crowd): Generator<ServedConnection> {
  for (const connection of idle) if (!connection.isBusy) yield connection;
  for (const connection of all) if (!idle.has(connection) && !connection.isBusy) yield connection;
}

/** Connections without credentials that wait for their client. */
function strangersIn(crowd: Crowd, most: number): ServedConnection[] {
  const found: ServedConnection[] = [];
  for (const connection of waitingOf(crowd)) {
    if (found.length >= most) break;
    if (!connection.hasShownCredentials) found.push(connection);
  }
  return found;
}
