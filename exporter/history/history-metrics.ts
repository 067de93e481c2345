import { counter, gauge } from "../shared/model/metric.js";

/** Metrics of the history that the exporter keeps on its own disk. */
export const HISTORY_METRICS = {
  sizeBytes: gauge({
    name: "pihealth_history_size_bytes",
    help: "Size of the history on this machine in bytes.",
  }),
  segments: gauge({
    name: "pihealth_history_segments",
    help: "Segment files of the history on this machine.",
  }),
  writtenBytes: counter({
    name: "pihealth_history_written_bytes_total",
    help: "Bytes written to the history since the exporter started.",
  }),
  writtenBytesPerDay: gauge({
    name: "pihealth_history_written_bytes_per_day",
    help: "Mean rate of history writes since the exporter started, in bytes per day.",
  }),
  droppedSegments: counter({
    name: "pihealth_history_dropped_segments_total",
    help: "Segments deleted because of a limit before every master had confirmed them, by limit.",
    labels: ["limit"],
  }),
  droppedSamples: counter({
    name: "pihealth_history_dropped_samples_total",
    help: "Samples dropped because the disk rejected writes for too long.",
  }),
  damagedSegments: counter({
    name: "pihealth_history_damaged_segments_total",
    help: "Segments set aside because their content is damaged.",
  }),
  writeErrors: counter({
    name: "pihealth_history_write_errors_total",
    help: "Failed file operations of the history.",
  }),
};
