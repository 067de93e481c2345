/** Targets of `dockerswarm_sd_configs`: services, tasks or nodes, with the labels of Prometheus. */
import type { JsonFields } from "../../exporter/shared/codec/json-fields.js";
import { formatHostPort } from "../fleet/ip-address.js";
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

const PREFIX = "__meta_dockerswarm_";
const NODE = `${PREFIX}node_`;
const SERVICE = `${PREFIX}service_`;
const TASK = `${PREFIX}task_`;

const target = (address: string, labels: MetaLabels): TargetGroup => ({
  targets: [address],
  labels,
  isFromRange: false,
});

/** The address of `10.0.0.3/24`. */
const addressOf = (network: string): string => network.replace(/\/\d+$/, "");
const isTcp = (port: JsonFields): boolean => textAt(port, "Protocol") === "tcp";

/** @param port for the targets */
export function nodeTargets(nodes: readonly JsonFields[], port: number): TargetGroup[] {
  return nodes.map((node) => {
    const manager = inside(node, "ManagerStatus");
    const engine = textAt(inside(node, "Description", "Engine"), "EngineVersion");
    return target(formatHostPort(textAt(inside(node, "Status"), "Addr"), port), {
      ...nodeLabels(node),
      [`${NODE}engine_version`]: engine,
      ...(manager === undefined
        ? {}
        : {
            [`${NODE}manager_leader`]: textAt(manager, "Leader") || "false",
            [`${NODE}manager_reachability`]: textAt(manager, "Reachability"),
            [`${NODE}manager_address`]: textAt(manager, "Addr"),
          }),
    });
  });
}

/** The labels of a node that its tasks have as well. */
function nodeLabels(node: JsonFields): MetaLabels {
  const spec = inside(node, "Spec");
  const status = inside(node, "Status");
  const platform = inside(node, "Description", "Platform");
  return {
    [`${NODE}id`]: textAt(node, "ID"),
    [`${NODE}role`]: textAt(spec, "Role"),
    [`${NODE}availability`]: textAt(spec, "Availability"),
    [`${NODE}hostname`]: textAt(inside(node, "Description"), "Hostname"),
    [`${NODE}platform_architecture`]: textAt(platform, "Architecture"),
    [`${NODE}platform_os`]: textAt(platform, "OS"),
    [`${NODE}status`]: textAt(status, "State"),
    [`${NODE}address`]: textAt(status, "Addr"),
    ...labelsAt(spec, "Labels", `${NODE}label_`),
  };
}

/** The labels of a service that its tasks have as well. */
function serviceLabels(service: JsonFields): MetaLabels {
  const spec = inside(service, "Spec");
  const mode = inside(spec, "Mode");
  return {
    [`${SERVICE}id`]: textAt(service, "ID"),
    [`${SERVICE}name`]: textAt(spec, "Name"),
    [`${SERVICE}mode`]:
      mode?.has("Global") === true
        ? "global"
        : mode?.has("Replicated") === true
          ? "replicated"
          : "",
    ...labelsAt(spec, "Labels", `${SERVICE}label_`),
  };
}

/** @param port for services that publish none */
export function serviceTargets(
  services: readonly JsonFields[],
  networks: readonly JsonFields[],
  port: number,
): TargetGroup[] {
  const byNetwork = networkLabels(networks, PREFIX);
  return services.flatMap((service) => {
    const container = inside(service, "Spec", "TaskTemplate", "ContainerSpec");
    const update = inside(service, "UpdateStatus");
    const common: MetaLabels = {
      ...serviceLabels(service),
      [`${SERVICE}task_container_hostname`]: textAt(container, "Hostname"),
      [`${SERVICE}task_container_image`]: textAt(container, "Image"),
      ...(update === undefined ? {} : { [`${SERVICE}updating_status`]: textAt(update, "State") }),
    };
    const endpoint = inside(service, "Endpoint");
    const ports = objectsAt(endpoint, "Ports").filter(isTcp);
    return objectsAt(endpoint, "VirtualIPs").flatMap((virtual) => {
      const ip = addressOf(textAt(virtual, "Addr"));
      const labels = { ...common, ...byNetwork.get(textAt(virtual, "NetworkID")) };
      if (ports.length === 0) return [target(formatHostPort(ip, port), labels)];
      return ports.map((entry) =>
        target(formatHostPort(ip, numberAt(entry, "PublishedPort")), {
          [`${SERVICE}endpoint_port_name`]: textAt(entry, "Name"),
          [`${SERVICE}endpoint_port_publish_mode`]: textAt(entry, "PublishMode"),
          ...labels,
        }),
      );
    });
  });
}

/** The lists of the API that tasks need. */
export interface SwarmLists {
  readonly tasks: readonly JsonFields[];
  readonly services: readonly JsonFields[];
  readonly nodes: readonly JsonFields[];
  readonly networks: readonly JsonFields[];
}

/** @param port for tasks without published ports */
export function taskTargets(lists: SwarmLists, port: number): TargetGroup[] {
  const services = new Map(lists.services.map((service) => [textAt(service, "ID"), service]));
  const nodes = new Map(lists.nodes.map((node) => [textAt(node, "ID"), node]));
  const byNetwork = networkLabels(lists.networks, PREFIX);
  return lists.tasks.flatMap((task) => {
    const service = services.get(textAt(task, "ServiceID"));
    const node = nodes.get(textAt(task, "NodeID"));
    const status = inside(task, "Status");
    const container = inside(status, "ContainerStatus");
    const common: MetaLabels = {
      [`${TASK}id`]: textAt(task, "ID"),
      [`${TASK}desired_state`]: textAt(task, "DesiredState"),
      [`${TASK}state`]: textAt(status, "State"),
      [`${TASK}slot`]: textAt(task, "Slot") || "0",
      ...(container === undefined
        ? {}
        : { [`${TASK}container_id`]: textAt(container, "ContainerID") }),
      ...labelsAt(inside(task, "Spec", "ContainerSpec"), "Labels", `${PREFIX}container_label_`),
      ...(service === undefined ? {} : serviceLabels(service)),
      ...(node === undefined ? {} : nodeLabels(node)),
    };
    const onPort = (entry: JsonFields, ip: string, labels: MetaLabels): TargetGroup =>
      target(formatHostPort(ip, numberAt(entry, "PublishedPort")), {
        [`${TASK}port_publish_mode`]: textAt(entry, "PublishMode"),
        ...labels,
      });
    const onNode = objectsAt(inside(status, "PortStatus"), "Ports")
      .filter(isTcp)
      .map((entry) => onPort(entry, common[`${NODE}address`] ?? "", common));
    const ports = objectsAt(inside(service, "Endpoint"), "Ports").filter(isTcp);
    const inNetworks = objectsAt(task, "NetworksAttachments").flatMap((attachment) => {
      const network = byNetwork.get(textAt(inside(attachment, "Network"), "ID"));
      const labels = { ...common, ...network };
      return textsAt(attachment, "Addresses")
        .map(addressOf)
        .flatMap((ip) =>
          ports.length === 0
            ? [target(formatHostPort(ip, port), labels)]
            : ports.map((entry) => onPort(entry, ip, labels)),
        );
    });
    return [...onNode, ...inNetworks];
  });
}
