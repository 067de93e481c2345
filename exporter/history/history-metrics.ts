import { counter, gauge } from "../shared/model/metric.js";

/** What the exporter says about its own history. */
export const HISTORY_METRICS = {
  sizeBytes: gauge({ name: "pihealth_history_size_bytes", help: "Size of the history kept on this machine in bytes." }),
  writtenBytes: counter({
    name: "pihealth_history_written_bytes_total",
    help: "Bytes written to the history since the exporter started.",
  }),
  writtenBytesPerDay: gauge({
    name: "pihealth_history_written_bytes_per_day",
    help: "Bytes written to the history a day, at the mean rate since the exporter started.",
  }),
  droppedSegments: counter({
    name: "pihealth_history_dropped_segments_total",
    help: "Segments deleted by the limits of size and age before every master had confirmed them.",
  }),
  droppedSamples: counter({
    name: "pihealth_history_dropped_samples_total",
    help: "Samples dropped because the disk refused them for too long.",
  }),
  damagedSegments: counter({
    name: "pihealth_history_damaged_segments_total",
    help: "Segments set aside because they did not check.",
  }),
  writeErrors: counter({ name: "pihealth_history_write_errors_total", help: "Failed writes to the history." }),
};
