import type { OwnMetric } from "../../exporter/shared/model/own-metric.js";
import { GAP_CAUSES, type Gap, type GapCause } from "./gap.js";

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

  metrics(active: number, missingMs: number): OwnMetric[] {
    const counter = (name: string, help: string, value: number): OwnMetric => ({
      name,
      help,
      type: "counter",
      value,
    });
    const gauge = (name: string, help: string, value: number): OwnMetric => ({
      name,
      help,
      type: "gauge",
      value,
    });
    return [
      ...GAP_CAUSES.map((cause) => ({
        ...counter("pihealth_gap_seconds_total", "Time whose samples are lost, by cause.", 0),
        labels: { cause },
        value: (this.lostMs.get(cause) ?? 0) / 1000,
      })),
      gauge(
        "pihealth_gap_missing_seconds",
        "Time without samples that may still be filled, sum over all targets.",
        missingMs / 1000,
      ),
      gauge("pihealth_backfill_active", "Exporters whose history is being fetched.", active),
      counter(
        "pihealth_backfill_filled_seconds_total",
        "Time that was filled from histories.",
        this.filledMs / 1000,
      ),
      counter("pihealth_backfill_samples_total", "Samples stored from histories.", this.samples),
      counter("pihealth_backfill_bytes_total", "Bytes of histories fetched.", this.bytes),
      counter("pihealth_backfill_segments_total", "Segments of histories stored.", this.segments),
      counter(
        "pihealth_backfill_failures_total",
        "Failed attempts to fetch or store a history.",
        this.failures,
      ),
      counter(
        "pihealth_backfill_rebased_members_total",
        "Members of histories placed by the monotonic clock because their wall clock was wrong.",
        this.rebasedMembers,
      ),
      counter(
        "pihealth_backfill_damaged_lines_total",
        "Lines of histories that are not samples.",
        this.damagedLines,
      ),
    ];
  }
}
