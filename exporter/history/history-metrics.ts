import { counter, gauge } from "../shared/model/metric.js";

/** What the exporter says about its own history. */
export const HISTORY_METRICS = {
  sizeBytes: gauge({
    name: "pihealth_history_size_bytes",
    help: "Size of the history kept on this machine in bytes.",
  }),
  segments: gauge({
    name: "pihealth_history_segments",
    help: "Segments of the history kept on this machine.",
  }),
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
    help: "Segments deleted by a limit, without the confirmation of every master.",
    labels: ["limit"],
  }),
  droppedSamples: counter({
    name: "pihealth_history_dropped_samples_total",
    help: "Samples dropped because the disk refused them for too long.",
  }),
  damagedSegments: counter({
    name: "pihealth_history_damaged_segments_total",
    help: "Segments set aside because something in them did not check.",
  }),
  writeErrors: counter({
    name: "pihealth_history_write_errors_total",
    help: "File operations of the history that failed.",
  }),
};
