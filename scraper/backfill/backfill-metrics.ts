import { counter, gauge, type Sample } from "../../exporter/shared/model/metric.js";
import { GAP_CAUSES, type Gap, type GapCause } from "./gap.js";

export const BACKFILL_METRICS = {
  lostSeconds: counter({
    name: "pihealth_gap_seconds_total",
    help: "Time without samples that can no longer be filled, by cause, in seconds.",
    labels: ["cause"],
  }),
  missingSeconds: gauge({
    name: "pihealth_gap_missing_seconds",
    help: "Time without samples that may still be filled, of all targets together, in seconds.",
  }),
  active: gauge({
    name: "pihealth_backfill_active",
    help: "Exporters whose history is being fetched.",
  }),
  filledSeconds: counter({
    name: "pihealth_backfill_filled_seconds_total",
    help: "Time filled from the histories of exporters, of all targets together, in seconds.",
  }),
  samples: counter({
    name: "pihealth_backfill_samples_total",
    help: "Samples stored from histories.",
  }),
  bytes: counter({
    name: "pihealth_backfill_bytes_total",
    help: "Bytes of histories fetched.",
  }),
  segments: counter({
    name: "pihealth_backfill_segments_total",
    help: "History segments stored.",
  }),
  failures: counter({
    name: "pihealth_backfill_failures_total",
    help: "Failed attempts to fetch or store a history.",
  }),
  rebasedMembers: counter({
    name: "pihealth_backfill_rebased_members_total",
    help: "Members of history segments placed by the monotonic clock because their wall clock was wrong.",
  }),
  damagedLines: counter({
    name: "pihealth_backfill_damaged_lines_total",
    help: "Lines of histories that could not be parsed as samples.",
  }),
};

/** Counters of backfill since the start of the program. */
export class BackfillCounters {
  samples = 0;
  bytes = 0;
  segments = 0;
  failures = 0;
  /** Members placed by the monotonic clock because the wall clock was wrong. */
  rebasedMembers = 0;
  damagedLines = 0;
  filledMs = 0;
  private readonly lostMs = new Map<GapCause, number>();

  countClosed({ fromMs, untilMs, state, cause }: Gap): void {
    if (state === "filled") this.filledMs += untilMs - fromMs;
    else this.lostMs.set(cause, (this.lostMs.get(cause) ?? 0) + untilMs - fromMs);
  }

  toSamples(active: number, missingMs: number): Sample[] {
    const metrics = BACKFILL_METRICS;
    return [
      ...GAP_CAUSES.map((cause) =>
        metrics.lostSeconds.sample((this.lostMs.get(cause) ?? 0) / 1000, { cause }),
      ),
      metrics.missingSeconds.sample(missingMs / 1000),
      metrics.active.sample(active),
      metrics.filledSeconds.sample(this.filledMs / 1000),
      metrics.samples.sample(this.samples),
      metrics.bytes.sample(this.bytes),
      metrics.segments.sample(this.segments),
      metrics.failures.sample(this.failures),
      metrics.rebasedMembers.sample(this.rebasedMembers),
      metrics.damagedLines.sample(this.damagedLines),
    ];
  }
}
