import { DockerClient } from "./docker-client.js";
import type { DockerDiscovery, SwarmDiscovery } from "./docker-config.js";
import { containerTargets } from "./docker-targets.js";
import type { SourceParts } from "./group-source.js";
import { PolledSource } from "./polled-source.js";
import { nodeTargets, serviceTargets, taskTargets } from "./swarm-targets.js";
import type { TargetGroup } from "./target-group.js";

/** Targets from the API of a Docker daemon: its containers, or the parts of its swarm. */
export class DockerSource extends PolledSource {
  constructor(
    private readonly discovery: DockerDiscovery | SwarmDiscovery,
    private readonly parts: SourceParts,
  ) {
    const { url, socketPath } = discovery.endpoint;
    super(socketPath ?? url, discovery.refreshMs, parts.log);
  }

  protected override async read(signal: AbortSignal | undefined): Promise<TargetGroup[]> {
    const client = new DockerClient(this.discovery.endpoint, this.parts.sendHttp, signal);
    try {
      return await readTargets(this.discovery, client);
    } finally {
      client.close();
    }
  }
}

async function readTargets(
  discovery: DockerDiscovery | SwarmDiscovery,
  client: DockerClient,
): Promise<TargetGroup[]> {
  const { port } = discovery;
  if (discovery.kind === "docker") {
    const containers = await client.list("/containers/json", true);
    return containerTargets(containers, await client.list("/networks", false), discovery);
  }
  switch (discovery.role) {
    case "nodes":
      return nodeTargets(await client.list("/nodes", true), port);
    case "services": {
      const services = await client.list("/services", true);
      return serviceTargets(services, await client.list("/networks", false), port);
    }
    case "tasks":
      return taskTargets(
        {
          tasks: await client.list("/tasks", true),
          services: await client.list("/services", false),
          nodes: await client.list("/nodes", false),
          networks: await client.list("/networks", false),
        },
        port,
      );
  }
}
