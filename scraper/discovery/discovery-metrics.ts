import { counter, gauge } from "../../exporter/shared/model/metric.js";

export const DISCOVERY_METRICS = {
  discoveredTargets: gauge({ name: "pihealth_discovered_targets", help: "Current targets." }),
  droppedTargets: gauge({
    name: "pihealth_dropped_targets",
    help: "Targets dropped by relabeling.",
  }),
  refusedTargets: gauge({
    name: "pihealth_refused_targets",
    help: "Targets rejected because of a duplicate, an unusable address or a limit.",
  }),
  rangeCandidates: gauge({
    name: "pihealth_range_candidates",
    help: "Addresses in the configured ranges.",
  }),
  silentCandidates: gauge({
    name: "pihealth_silent_candidates",
    help: "Addresses in the configured ranges where no exporter has answered yet.",
  }),
  probes: counter({
    name: "pihealth_probes_total",
    help: "Probes sent to addresses in the configured ranges since the configuration was loaded.",
  }),
  failures: counter({
    name: "pihealth_discovery_failures_total",
    help: "Failed reads of discovery files and servers since the configuration was loaded.",
  }),
};
