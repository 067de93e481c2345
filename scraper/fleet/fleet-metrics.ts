import { counter, gauge } from "../../exporter/shared/model/metric.js";

export const FLEET_METRICS = {
  knownHosts: gauge({
    name: "pihealth_known_hosts",
    help: "Known exporters, at most 65536.",
  }),
  heartbeatingHosts: gauge({
    name: "pihealth_heartbeating_hosts",
    help: "Exporters whose last heartbeat is at most three heartbeat intervals old.",
  }),
  heartbeatsReceived: counter({
    name: "pihealth_heartbeats_received_total",
    help: "Heartbeats accepted.",
  }),
  heartbeatsRefused: counter({
    name: "pihealth_heartbeats_refused_total",
    help: "Heartbeats rejected, by reason.",
    labels: ["reason"],
  }),
  addressChanges: counter({
    name: "pihealth_address_changes_total",
    help: "Changes of the address of a known Pi.",
  }),
};

export const HOST_FILE_METRICS = {
  failures: counter({
    name: "pihealth_host_file_failures_total",
    help: "Failed writes of host.json and fleet.json files.",
  }),
};
