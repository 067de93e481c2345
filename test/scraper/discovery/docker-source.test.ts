import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { ConfigSection } from "../../../exporter/shared/config/config-section.js";
import { itemAt } from "../../../exporter/shared/model/get-or-throw.js";
import { systemClock } from "../../../exporter/shared/platform/clock.js";
import { sendHttp } from "../../../exporter/shared/platform/http/http-client.js";
import { silentLogger } from "../../../exporter/shared/platform/logger.js";
import {
  parseDockerDiscovery,
  parseSwarmDiscovery,
} from "../../../scraper/discovery/docker-config.js";
import { DockerSource } from "../../../scraper/discovery/docker-source.js";
import { MemoryFiles } from "../../support/memory-files.js";
import { DOCKER_ANSWERS } from "./docker-answers.js";

const folder = mkdtempSync(path.join(tmpdir(), "pihealth-docker-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const place = { files: new MemoryFiles(), folder: "/" };
const sectionOf = (text: string): ConfigSection => ConfigSection.parse(text, "a.yml");

interface Daemon {
  readonly socketPath: string;
  readonly asked: string[];
  answers: Readonly<Record<string, unknown>>;
  close(): void;
}

/** The API of a Docker daemon on a Unix socket. */
async function startDaemon(): Promise<Daemon> {
  const socketPath = path.join(folder, `docker-${process.pid}-${Math.random()}.sock`);
  const daemon: Daemon = {
    socketPath,
    asked: [],
    answers: DOCKER_ANSWERS,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
  const server = http.createServer((request, response) => {
    const url = new URL(request.url ?? "", "http://docker");
    daemon.asked.push(`${url.pathname}${url.search}`);
    const answer = daemon.answers[url.pathname];
    response.writeHead(answer === undefined ? 503 : 200, { "content-type": "application/json" });
    response.end(JSON.stringify(answer ?? { message: "This node is not a swarm manager." }));
  });
  server.listen(socketPath);
  await once(server, "listening");
  return daemon;
}

async function targetsOf(
  parse: typeof parseDockerDiscovery | typeof parseSwarmDiscovery,
  keys: string,
): Promise<{ targets: Record<string, Record<string, string>>; asked: string[] }> {
  const daemon = await startDaemon();
  const section = sectionOf(`{host: "unix://${daemon.socketPath}", ${keys}}`);
  const source = new DockerSource(await parse(section, place), {
    files: place.files,
    sendHttp,
    clock: systemClock,
    log: silentLogger,
  });
  assert.equal(await source.refresh(), true);
  assert.equal(await source.refresh(), false, "equal answers are no change");
  daemon.answers = {};
  assert.equal(await source.refresh(), false, "an error keeps the targets");
  assert.equal(source.failures, 1);
  daemon.close();
  const targets = Object.fromEntries(
    source.groups().map((group) => [itemAt(group.targets, 0), { ...group.labels }]),
  );
  return { targets, asked: daemon.asked };
}

test("Containers become targets: one for each TCP port in the first network, else the default port", async () => {
  const { targets, asked } = await targetsOf(
    parseDockerDiscovery,
    "filters: [{name: status, values: [running]}, {name: label, values: [a, b]}]",
  );
  assert.equal(
    decodeURIComponent(itemAt(asked, 0)),
    '/containers/json?filters={"status":["running"],"label":["a","b"]}',
  );
  const network = {
    __meta_docker_network_id: "n1",
    __meta_docker_network_name: "front",
    __meta_docker_network_scope: "local",
    __meta_docker_network_internal: "false",
    __meta_docker_network_ingress: "false",
    __meta_docker_network_label_com_example: "x",
  };
  const web = {
    __meta_docker_container_id: "c1",
    __meta_docker_container_name: "/web",
    __meta_docker_container_network_mode: "front",
    __meta_docker_container_label_com_docker_compose_project: "home",
    __meta_docker_network_ip: "172.18.0.2",
    ...network,
  };
  assert.deepEqual(targets, {
    "172.18.0.2:80": {
      ...web,
      __meta_docker_port_private: "80",
      __meta_docker_port_public: "8080",
      __meta_docker_port_public_ip: "0.0.0.0",
    },
    "172.18.0.2:9100": { ...web, __meta_docker_port_private: "9100" },
    "172.18.0.3:80": {
      __meta_docker_container_id: "c2",
      __meta_docker_container_name: "/sidecar",
      __meta_docker_container_network_mode: "container:c3",
      __meta_docker_network_ip: "172.18.0.3",
      ...network,
    },
    "172.18.0.3:53": {
      __meta_docker_container_id: "c3",
      __meta_docker_container_name: "/dns",
      __meta_docker_container_network_mode: "front",
      __meta_docker_network_ip: "172.18.0.3",
      __meta_docker_port_private: "53",
      ...network,
    },
    localhost: {
      __meta_docker_container_id: "c4",
      __meta_docker_container_name: "/node",
      __meta_docker_container_network_mode: "host",
      __meta_docker_network_ip: "",
    },
  });
});

test("With match_first_network off, a container has targets in each of its networks", async () => {
  const { targets } = await targetsOf(
    parseDockerDiscovery,
    "match_first_network: false, port: 1234, host_networking_host: pi1.lan",
  );
  assert.deepEqual(Object.keys(targets).sort(), [
    "10.9.0.2:80",
    "10.9.0.2:9100",
    "172.18.0.2:80",
    "172.18.0.2:9100",
    "172.18.0.3:1234",
    "172.18.0.3:53",
    "pi1.lan",
  ]);
});

const SERVICE = {
  __meta_dockerswarm_service_id: "s1",
  __meta_dockerswarm_service_name: "web",
  __meta_dockerswarm_service_mode: "replicated",
  __meta_dockerswarm_service_label_tier: "front",
};
const NODE = {
  __meta_dockerswarm_node_id: "n-1",
  __meta_dockerswarm_node_role: "manager",
  __meta_dockerswarm_node_availability: "active",
  __meta_dockerswarm_node_hostname: "pi1",
  __meta_dockerswarm_node_platform_architecture: "aarch64",
  __meta_dockerswarm_node_platform_os: "linux",
  __meta_dockerswarm_node_status: "ready",
  __meta_dockerswarm_node_address: "192.168.1.11",
  __meta_dockerswarm_node_label_disk: "ssd",
};
const INGRESS = {
  __meta_dockerswarm_network_id: "n2",
  __meta_dockerswarm_network_name: "ingress",
  __meta_dockerswarm_network_scope: "swarm",
  __meta_dockerswarm_network_internal: "false",
  __meta_dockerswarm_network_ingress: "true",
};

test("Services of a swarm become targets", async () => {
  const { targets } = await targetsOf(parseSwarmDiscovery, "role: services");
  assert.deepEqual(targets, {
    "10.0.0.5:8080": {
      ...SERVICE,
      ...INGRESS,
      __meta_dockerswarm_service_task_container_hostname: "",
      __meta_dockerswarm_service_task_container_image: "nginx:1",
      __meta_dockerswarm_service_updating_status: "completed",
      __meta_dockerswarm_service_endpoint_port_name: "http",
      __meta_dockerswarm_service_endpoint_port_publish_mode: "ingress",
    },
  });
});

test("Tasks of a swarm become targets with the labels of their service and node", async () => {
  const { targets, asked } = await targetsOf(
    parseSwarmDiscovery,
    "role: tasks, filters: [{name: desired-state, values: [running]}]",
  );
  assert.deepEqual(
    asked.slice(0, 4).map((url) => decodeURIComponent(url)),
    ['/tasks?filters={"desired-state":["running"]}', "/services", "/nodes", "/networks"],
  );
  const task = {
    __meta_dockerswarm_task_id: "t1",
    __meta_dockerswarm_task_desired_state: "running",
    __meta_dockerswarm_task_state: "running",
    __meta_dockerswarm_task_slot: "1",
    __meta_dockerswarm_task_container_id: "c9",
    __meta_dockerswarm_container_label_app: "web",
    ...SERVICE,
    ...NODE,
  };
  assert.deepEqual(targets, {
    "192.168.1.11:32768": { ...task, __meta_dockerswarm_task_port_publish_mode: "host" },
    "10.0.0.7:8080": {
      ...task,
      ...INGRESS,
      __meta_dockerswarm_task_port_publish_mode: "ingress",
    },
  });
});

test("Nodes of a swarm become targets", async () => {
  const { targets } = await targetsOf(parseSwarmDiscovery, "role: nodes, port: 9323");
  assert.deepEqual(targets, {
    "192.168.1.11:9323": {
      ...NODE,
      __meta_dockerswarm_node_engine_version: "27.0.1",
      __meta_dockerswarm_node_manager_leader: "true",
      __meta_dockerswarm_node_manager_reachability: "reachable",
      __meta_dockerswarm_node_manager_address: "192.168.1.11:2377",
    },
  });
});

test("A wrong entry of docker_sd_configs is refused", async () => {
  for (const [text, message] of [
    ["port: 80", /host is missing/],
    ["host: /var/run/docker.sock", /host is not supported/],
    ["{host: 'http://a', role: tasks}", /role is not a known key/],
    ["{host: 'http://a', filters: [{names: a}]}", /names is not a known key/],
  ] as const) {
    await assert.rejects(parseDockerDiscovery(sectionOf(text), place), message);
  }
  await assert.rejects(
    parseSwarmDiscovery(sectionOf("{host: 'http://a', role: containers}"), place),
    /role is "containers", it must be one of services, tasks, nodes/,
  );
});
