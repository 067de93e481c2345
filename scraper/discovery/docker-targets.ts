/** Targets of `docker_sd_configs`: the containers of one daemon, with the labels of Prometheus. */
import type { JsonFields } from "../../exporter/shared/codec/json-fields.js";
import { compareStrings } from "../../exporter/shared/model/labels.js";
import { formatHostPort } from "../fleet/ip-address.js";
import type { DockerDiscovery } from "./docker-config.js";
import {
  inside,
  labelsAt,
  type MetaLabels,
  networkLabels,
  numberAt,
  objectsAt,
  textAt,
  textsAt,
} from "./docker-fields.js";
import type { TargetGroup } from "./target-group.js";

const PREFIX = "__meta_docker_";
/** Containers may share the network of a container that shares the network of another, and so on. */
const MAX_SHARES = 100;

type DockerOptions = Pick<DockerDiscovery, "port" | "hostNetworkingHost" | "matchesFirstNetwork">;

/**
 * @param containers the answer to `/containers/json`
 * @param networks the answer to `/networks`
 */
export function containerTargets(
  containers: readonly JsonFields[],
  networks: readonly JsonFields[],
  options: DockerOptions,
): TargetGroup[] {
  const byId = new Map(containers.map((container) => [textAt(container, "Id"), container]));
  const labelsOfNetworks = networkLabels(networks, PREFIX);
  return containers.flatMap((container) => {
    const [name] = textsAt(container, "Names");
    if (name === undefined) return [];
    const common: MetaLabels = {
      [`${PREFIX}container_id`]: textAt(container, "Id"),
      [`${PREFIX}container_name`]: name,
      [`${PREFIX}container_network_mode`]: modeOf(container),
      ...labelsAt(container, "Labels", `${PREFIX}container_label_`),
    };
    return networksOf(container, byId, options).flatMap((network) =>
      targetsIn(container, network, options).map(({ address, labels }) => ({
        targets: [address],
        labels: {
          [`${PREFIX}network_ip`]: textAt(network, "IPAddress"),
          ...labels,
          ...common,
          ...labelsOfNetworks.get(textAt(network, "NetworkID")),
        },
        isFromRange: false,
      })),
    );
  });
}

const modeOf = (container: JsonFields): string =>
  textAt(inside(container, "HostConfig"), "NetworkMode");

function ownNetworks(container: JsonFields): [name: string, network: JsonFields][] {
  const networks = inside(container, "NetworkSettings", "Networks");
  return (networks?.keys ?? []).flatMap((name): [string, JsonFields][] => {
    const network = inside(networks, String(name));
    return network === undefined ? [] : [[String(name), network]];
  });
}

function networksOf(
  container: JsonFields,
  byId: ReadonlyMap<string, JsonFields>,
  { matchesFirstNetwork }: DockerOptions,
): JsonFields[] {
  let found = ownNetworks(container);
  let mode = modeOf(container);
  for (let share = 0; found.length === 0 && share < MAX_SHARES; share++) {
    const owner = byId.get(/^container:(.*)$/.exec(mode)?.[1] ?? "");
    if (owner === undefined) break;
    found = ownNetworks(owner);
    mode = modeOf(owner);
  }
  const sorted = found.sort(([left], [right]) => compareStrings(left, right));
  return (matchesFirstNetwork ? sorted.slice(0, 1) : sorted).map(([, network]) => network);
}

/** One target for each TCP port, or one with the configured port when there is none. */
function targetsIn(
  container: JsonFields,
  network: JsonFields,
  { port, hostNetworkingHost }: DockerOptions,
): { address: string; labels: MetaLabels }[] {
  const ip = textAt(network, "IPAddress");
  const ports = objectsAt(container, "Ports").filter((entry) => textAt(entry, "Type") === "tcp");
  if (ports.length === 0) {
    const isOnHost = modeOf(container) === "host";
    return [{ address: isOnHost ? hostNetworkingHost : formatHostPort(ip, port), labels: {} }];
  }
  return ports.map((entry) => ({
    address: formatHostPort(ip, numberAt(entry, "PrivatePort")),
    labels: {
      [`${PREFIX}port_private`]: textAt(entry, "PrivatePort"),
      ...(numberAt(entry, "PublicPort") > 0
        ? {
            [`${PREFIX}port_public`]: textAt(entry, "PublicPort"),
            [`${PREFIX}port_public_ip`]: textAt(entry, "IP"),
          }
        : {}),
    },
  }));
}
