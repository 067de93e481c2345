import type { Labels } from "../../../exporter/shared/model/labels.js";
import type { Alert } from "./alert.js";
import { fingerprintOf } from "./alert-fingerprint.js";

/** An alert in memory, with its identity. Reports about the same alert are merged. */
export interface StoredAlert extends Alert {
  readonly fingerprint: string;
  readonly updatedAtMs: number;
  readonly endsByTimeout: boolean;
  /** An alarm that a Pi pushed: its group does not wait. */
  readonly isImmediate: boolean;
  /** It was posted, and so nothing sends it again after a restart: it is kept on disk. */
  readonly isDurable: boolean;
}

/** How an alert was received. */
export type Reception = Pick<StoredAlert, "isImmediate" | "isDurable">;

export const MAX_ALERTS = 50_000;
/** Bytes of labels and annotations of all alerts together, on a machine with much memory. */
export const DEFAULT_ALERTS_BYTES = 64 * 1024 * 1024;
export const MAX_ALERT_LABELS = 64;
export const MAX_LABEL_NAME_CHARACTERS = 256;
export const MAX_LABEL_VALUE_CHARACTERS = 4096;
export const MAX_ANNOTATION_CHARACTERS = 16_384;
/** How long a resolved alert is kept for groups that have not notified receivers of its end yet. */
export const RESOLVED_RETENTION_MS = 15 * 60_000;

export type RejectReason =
  "no_labels" | "too_many_labels" | "too_long" | "ends_before_start" | "store_full";

/** Returns undefined when the alert is acceptable. */
export function rejectReasonOf(alert: Alert): Exclude<RejectReason, "store_full"> | undefined {
  const { labels, annotations } = alert;
  if (labels.pairs.length === 0) return "no_labels";
  if (Math.max(labels.pairs.length, annotations.pairs.length) > MAX_ALERT_LABELS)
    return "too_many_labels";
  if (!fits(labels, MAX_LABEL_VALUE_CHARACTERS) || !fits(annotations, MAX_ANNOTATION_CHARACTERS))
    return "too_long";
  return alert.endsAtMs < alert.startsAtMs ? "ends_before_start" : undefined;
}

function fits(labels: Labels, maxValueCharacters: number): boolean {
  return labels.pairs.every(
    ([name, value]) =>
      name.length <= MAX_LABEL_NAME_CHARACTERS && value.length <= maxValueCharacters,
  );
}

export const isResolvedAt = (alert: Alert, wallMs: number): boolean => alert.endsAtMs <= wallMs;

/** Firing and recently resolved alerts by fingerprint, limited in number and size. */
export class AlertStore {
  private readonly alerts = new Map<string, StoredAlert>();
  private sizeBytes = 0;

  constructor(private readonly maxBytes = DEFAULT_ALERTS_BYTES) {}

  get count(): number {
    return this.alerts.size;
  }

  get(fingerprint: string): StoredAlert | undefined {
    return this.alerts.get(fingerprint);
  }

  all(): IterableIterator<StoredAlert> {
    return this.alerts.values();
  }

  /**
   * Takes an alert and merges it with the stored one.
   *
   * @returns the merged alert, or the reason for rejecting it
   */
  put(alert: Alert, options: Reception & { nowMs: number }): StoredAlert | RejectReason {
    const fingerprint = fingerprintOf(alert.labels);
    const known = this.alerts.get(fingerprint);
    // Rules send an alert again and again, with the same objects.
    const isSame = known?.labels === alert.labels && known.annotations === alert.annotations;
    const reason = isSame && alert.endsAtMs >= alert.startsAtMs ? undefined : rejectReasonOf(alert);
    if (reason !== undefined) return reason;
    const isImmediate = options.isImmediate || known?.isImmediate === true;
    const isDurable = options.isDurable || known?.isDurable === true;
    const received = {
      ...alert,
      fingerprint,
      isImmediate,
      isDurable,
      updatedAtMs: options.nowMs,
      endsByTimeout: alert.endsByTimeout ?? false,
    };
    const merged =
      known !== undefined && overlap(known, received) ? merge(known, received) : received;
    const grownBytes = isSame ? 0 : sizeOf(merged) - (known === undefined ? 0 : sizeOf(known));
    if (known === undefined && this.alerts.size >= MAX_ALERTS) return "store_full";
    if (grownBytes > 0 && this.sizeBytes + grownBytes > this.maxBytes) return "store_full";
    this.sizeBytes += grownBytes;
    this.alerts.set(fingerprint, merged);
    return merged;
  }

  /**
   * Removes alerts that were resolved more than RESOLVED_RETENTION_MS ago.
   *
   * @returns their fingerprints
   */
  forgetResolved(nowMs: number): string[] {
    const forgotten: string[] = [];
    for (const alert of this.alerts.values()) {
      if (alert.endsAtMs > nowMs - RESOLVED_RETENTION_MS) continue;
      this.alerts.delete(alert.fingerprint);
      this.sizeBytes -= sizeOf(alert);
      forgotten.push(alert.fingerprint);
    }
    return forgotten;
  }
}

/**
 * Whether two reports describe one firing period, so that the later report keeps the earlier start.
 */
function overlap(known: StoredAlert, received: StoredAlert): boolean {
  const endsWithin = received.endsAtMs > known.startsAtMs && received.endsAtMs < known.endsAtMs;
  const startsWithin =
    received.startsAtMs >= known.startsAtMs && received.startsAtMs < known.endsAtMs;
  return endsWithin || startsWithin;
}

/**
 * Takes the received report with the earlier of both starts, and the later end if a sender stated
 * it.
 */
function merge(known: StoredAlert, received: StoredAlert): StoredAlert {
  const startsAtMs = Math.min(known.startsAtMs, received.startsAtMs);
  const isResolved = received.endsAtMs <= received.updatedAtMs;
  const wasResolved = known.endsAtMs <= received.updatedAtMs;
  const keepsEnd = isResolved ? wasResolved : !known.endsByTimeout;
  const endsAtMs = keepsEnd ? Math.max(known.endsAtMs, received.endsAtMs) : received.endsAtMs;
  return { ...received, startsAtMs, endsAtMs };
}

function sizeOf({ labels, annotations }: Alert): number {
  let characters = 256; // Roughly the size of the objects around the texts.
  for (const [name, value] of [...labels.pairs, ...annotations.pairs])
    characters += name.length + value.length;
  return characters;
}
