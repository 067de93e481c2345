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
  movedInfo: gauge({
    name: "pihealth_fleet_moved_info",
    help: "Always 1: a Pi that left one endpoint for another within the last two hours, at most 100.",
    labels: ["from", "to"],
  }),
  clonedHosts: gauge({
    name: "pihealth_fleet_cloned_hosts",
    help: "Machines whose heartbeats are refused because another running machine has their node id.",
  }),
  cloneInfo: gauge({
    name: "pihealth_fleet_clone_info",
    help: "Always 1: a machine that has the node id of another running machine, at most 100.",
    labels: ["endpoint", "hostname", "holder"],
  }),
};

export const HOST_FILE_METRICS = {
  failures: counter({
    name: "pihealth_host_file_failures_total",
    help: "Failed writes of host.json and fleet.json files.",
  }),
};
