/**
 * Counters of network devices. Source: /proc/self/net/dev, two header lines and one line per device
 * (proc_pid_net(5)).
 */
import { BrokenSourceError, parseNumber } from "../sources/broken-source-error.js";
import type { Sources } from "../sources/sources.js";
import { counter, type MetricDefinition } from "../shared/model/metric.js";
import type { CollectorSettings } from "./collector-settings.js";
import { NoDataError, type Collector } from "./collector.js";
import { createNameMatcher } from "./name-matcher.js";

const SOURCE = "/proc/self/net/dev";
const MAX_DEVICES = 32; // Bounds the series of a machine with hundreds of containers.

function deviceCounter(what: string, help: string): MetricDefinition<"device"> {
  return counter({ name: `pihealth_network_${what}_total`, help, labels: ["device"] });
}

/** The column of each counter in a device's line: eight for receiving, then eight for sending. */
const COLUMNS = [
  {
    column: 0,
    metric: deviceCounter("receive_bytes", "Bytes received by a network device since boot."),
  },
  {
    column: 1,
    metric: deviceCounter("receive_packets", "Packets received by a network device since boot."),
  },
  {
    column: 2,
    metric: deviceCounter("receive_errors", "Bad packets received by a network device since boot."),
  },
  {
    column: 3,
    metric: deviceCounter(
      "receive_drops",
      "Received packets dropped for lack of buffers since boot.",
    ),
  },
  {
    column: 8,
    metric: deviceCounter("transmit_bytes", "Bytes sent by a network device since boot."),
  },
  {
    column: 9,
    metric: deviceCounter("transmit_packets", "Packets sent by a network device since boot."),
  },
  {
    column: 10,
    metric: deviceCounter(
      "transmit_errors",
      "Packets that a network device failed to send since boot.",
    ),
  },
  {
    column: 11,
    metric: deviceCounter("transmit_drops", "Packets dropped before they were sent since boot."),
  },
];

export function createNetworkCollector(
  { procfs }: Sources,
  { network }: CollectorSettings,
): Collector {
  const isExcluded = createNameMatcher(network.excludedDevices);
  return {
    name: "network",
    metrics: COLUMNS.map(({ metric }) => metric),
    async collect() {
      const devices = parseDevices(await procfs.readText("self/net/dev")).filter(
        ({ device }) => !isExcluded(device),
      );
      if (devices.length === 0)
        throw new NoDataError("Cannot read network counters: there is no device to be watched");
      return devices
        .slice(0, MAX_DEVICES)
        .flatMap(({ device, values }) =>
          COLUMNS.map(({ column, metric }) =>
            metric.sample(parseNumber(values[column], SOURCE), { device }),
          ),
        );
    },
  };
}

function parseDevices(text: string): { device: string; values: string[] }[] {
  const lines = text
    .split("\n")
    .slice(2)
    .filter((line) => line !== "");
  return lines.map((line) => {
    const colon = line.lastIndexOf(":"); // An alias of old kernels has one in its name: `eth0:1:`.
    if (colon < 0)
      throw new BrokenSourceError(
        SOURCE,
        `a line is ${JSON.stringify(line.slice(0, 40))}, it must name a device`,
      );
    return {
      device: line.slice(0, colon).trim(),
      values: line
        .slice(colon + 1)
        .trim()
        .split(/\s+/),
    };
  });
}
