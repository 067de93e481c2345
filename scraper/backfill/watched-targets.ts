import { endpointOf } from "../fleet/known-host.js";
import type { Target } from "../fleet/target.js";
import type { HostGap } from "./gap.js";
import type { StoredTarget } from "./gap-file.js";
import type { TargetGaps } from "./target-gaps.js";

/** A target with its gaps. */
export interface WatchedTarget {
  target: Target;
  readonly gaps: TargetGaps;
  /** True when no sample of the target was ever stored: then its whole history is wanted. */
  isNew: boolean;
  /**
   * The target was unknown before this time, so ranges before it that the history lacks are no
   * gaps.
   */
  knownSinceMs: number;
}

/** The targets of now by label set, by id and by endpoint. */
export class WatchedTargets {
  private byKey = new Map<string, WatchedTarget>();
  private readonly byId = new Map<string, WatchedTarget>();
  private readonly byEndpoint = new Map<string, WatchedTarget[]>();

  /**
   * Replaces the targets. Targets that stay keep their gaps.
   *
   * @param create makes the entry of a target that was not watched
   */
  replace(
    targets: readonly Target[],
    create: (target: Target) => WatchedTarget,
  ): { added: readonly WatchedTarget[]; removed: readonly WatchedTarget[] } {
    const before = this.byKey;
    const added: WatchedTarget[] = [];
    this.byKey = new Map();
    this.byId.clear();
    this.byEndpoint.clear();
    for (const target of targets) {
      const key = targetKey(target);
      const known = before.get(key);
      before.delete(key);
      const watched = known ?? create(target);
      watched.target = target;
      if (known === undefined) added.push(watched);
      this.index(key, watched);
    }
    return { added, removed: [...before.values()] };
  }

  all(): IterableIterator<WatchedTarget> {
    return this.byKey.values();
  }

  ofHost(host: string): WatchedTarget[] {
    return [...this.byKey.values()].filter(({ target }) => target.host === host);
  }

  withId(id: string): WatchedTarget | undefined {
    return this.byId.get(id);
  }

  /** The targets of one exporter, undefined without any. */
  at(endpoint: string): readonly WatchedTarget[] | undefined {
    return this.byEndpoint.get(endpoint);
  }

  endpoints(): IterableIterator<[endpoint: string, targets: readonly WatchedTarget[]]> {
    return this.byEndpoint.entries();
  }

  private index(key: string, watched: WatchedTarget): void {
    const { target } = watched;
    this.byKey.set(key, watched);
    this.byId.set(target.id, watched);
    const endpoint = endpointOfTarget(target);
    const siblings = this.byEndpoint.get(endpoint);
    if (siblings === undefined) this.byEndpoint.set(endpoint, [watched]);
    else siblings.push(watched);
  }
}

/** Equal exactly for targets that write the same series. */
const targetKey = ({ host, labels }: Target): string => `${host} ${labels.key}`;

export const endpointOfTarget = ({ host, port }: Target): string =>
  endpointOf({ address: host, port });

/** The entry of a target in the gaps file. */
export function storedFormOf({ target, gaps }: WatchedTarget): StoredTarget {
  const { missing, closed, nodeId, missingSinceMs } = gaps;
  const labels = target.labels.toObject();
  return { labels, nodeId, ongoingFromMs: missingSinceMs, missing, closed };
}

/**
 * All gaps of a target, in no order.
 *
 * @param isFilling whether its history is being fetched now
 */
export function listGaps({ target, gaps }: WatchedTarget, isFilling: boolean): HostGap[] {
  const source = {
    host: target.host,
    instance: target.labels.get("instance"),
    job: target.labels.get("job"),
  };
  const state = isFilling ? "filling" : "open";
  const listed: HostGap[] = [
    ...gaps.closed.map((gap) => ({ ...source, ...gap })),
    ...gaps.missing.map((range): HostGap => ({ ...source, ...range, state })),
  ];
  const fromMs = gaps.missingSinceMs;
  if (fromMs !== undefined) {
    listed.push({ ...source, fromMs, untilMs: undefined, cause: "link_down", state: "open" });
  }
  return listed;
}
