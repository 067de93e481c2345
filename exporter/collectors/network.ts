/**
 * Counters of network devices. Source: /proc/self/net/dev, two header lines and one line per device
 * (proc_pid_net(5)).
 */
import { BrokenSourceError } from "../sources/broken-source-error.js";
import { CounterRows, parseCounter, type CounterRow } from "../sources/counter-rows.js";
import { readFact, type FileTree } from "../sources/file-tree.js";
import type { Sources } from "../sources/sources.js";
import { itemAt } from "../shared/model/get-or-throw.js";
import { counter, type MetricDefinition } from "../shared/model/metric.js";
import type { CollectorSettings } from "./collector-settings.js";
import { NoDataError, type Collector } from "./collector.js";
import { leftOutSample, ROWS_LEFT_OUT } from "./left-out.js";
import { createNameMatcher } from "./name-matcher.js";

const SOURCE = "/proc/self/net/dev";
/** Bounds the series of a machine with hundreds of containers. */
const MAX_DEVICES = 32;

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
  { procfs, sysfs, keptCounters }: Sources,
  { network }: CollectorSettings,
): Collector {
  const isExcluded = createNameMatcher(network.excludedDevices);
  const counters = new CounterRows({
    // Of kernels of 32 bits, and of drivers that count in registers of their device.
    wrapAt: 2 ** 32,
    identityOf: (device) => readFact(sysfs, `class/net/${device}/ifindex`),
  });
  keptCounters?.keep("network", counters);
  let shown: ReadonlySet<string> = new Set();
  return {
    name: "network",
    metrics: [...COLUMNS.map(({ metric }) => metric), ROWS_LEFT_OUT],
    async collect() {
      const rows = parseRows(await procfs.readText("self/net/dev")).filter(
        ({ name }) => !isExcluded(name),
      );
      if (rows.length === 0)
        throw new NoDataError("Cannot read network counters: there is no device to be watched");
      const all = await counters.update(rows);
      const chosen =
        all.length <= MAX_DEVICES ? all : await chooseDevices(all, { procfs, sysfs, shown });
      shown = new Set(chosen.map(({ name }) => name));
      return [
        ...chosen.flatMap(({ name: device, values }) =>
          COLUMNS.flatMap(({ metric }, index) => {
            const value = itemAt(values, index);
            return Number.isNaN(value) ? [] : [metric.sample(value, { device })];
          }),
        ),
        leftOutSample("network", "device", all.length - chosen.length),
      ];
    },
  };
}

/**
 * Devices with an address, with hardware or with the way to other networks first; then those that
 * were shown before, then those with more traffic.
 */
async function chooseDevices(
  rows: readonly CounterRow[],
  from: {
    readonly procfs: FileTree;
    readonly sysfs: FileTree;
    readonly shown: ReadonlySet<string>;
  },
): Promise<CounterRow[]> {
  const { addressed, defaultRoutes } = await readAddressedDevices(from.procfs);
  const ranks = new Map<string, number>();
  for (const { name } of rows) {
    const hasHardware = await from.sysfs.exists(`class/net/${name}/device`);
    const facts = [addressed.has(name), defaultRoutes.has(name), hasHardware];
    const wasShown = from.shown.has(name) ? 0.5 : 0;
    ranks.set(name, facts.filter((fact) => fact).length + wasShown);
  }
  const rank = ({ name }: CounterRow): number => ranks.get(name) ?? 0;
  const traffic = ({ values }: CounterRow): number => (values[0] ?? 0) + (values[4] ?? 0);
  return [...rows]
    .sort((left, right) => rank(right) - rank(left) || traffic(right) - traffic(left))
    .slice(0, MAX_DEVICES);
}

const LINK_LOCAL_SCOPE = "20";

/** Devices with an address that is not only valid on their link, and those with a default route. */
async function readAddressedDevices(procfs: FileTree): Promise<{
  readonly addressed: ReadonlySet<string>;
  readonly defaultRoutes: ReadonlySet<string>;
}> {
  const table = async (file: string): Promise<string[][]> =>
    ((await readFact(procfs, file)) ?? "").split("\n").map((line) => line.trim().split(/\s+/));
  const addressed = new Set<string>();
  const defaultRoutes = new Set<string>();
  for (const [device = "", destination = ""] of await table("self/net/route")) {
    addressed.add(device); // A device with an IPv4 address has a route to its network.
    if (/^0+$/.test(destination)) defaultRoutes.add(device);
  }
  for (const [, , , scope, , device = ""] of await table("self/net/if_inet6"))
    if (scope !== LINK_LOCAL_SCOPE) addressed.add(device);
  return { addressed, defaultRoutes };
}

function parseRows(text: string): CounterRow[] {
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
    const columns = line
      .slice(colon + 1)
      .trim()
      .split(/\s+/);
    return {
      name: line.slice(0, colon).trim(),
      values: COLUMNS.map(({ column }) => parseCounter(columns[column], SOURCE)),
    };
  });
}
