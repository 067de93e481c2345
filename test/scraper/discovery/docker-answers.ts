/** Answers of the Docker Engine API, in its field names, cut to what discovery reads. */
export const DOCKER_ANSWERS: Readonly<Record<string, unknown>> = {
  "/containers/json": [
    {
      Id: "c1",
      Names: ["/web"],
      Labels: { "com.docker.compose.project": "home" },
      HostConfig: { NetworkMode: "front" },
      NetworkSettings: {
        Networks: {
          front: { NetworkID: "n1", IPAddress: "172.18.0.2" },
          later: { NetworkID: "n9", IPAddress: "10.9.0.2" },
        },
      },
      Ports: [
        { IP: "0.0.0.0", PrivatePort: 80, PublicPort: 8080, Type: "tcp" },
        { PrivatePort: 9100, Type: "tcp" },
        { PrivatePort: 53, Type: "udp" },
      ],
    },
    {
      Id: "c2",
      Names: ["/sidecar"],
      Labels: null,
      HostConfig: { NetworkMode: "container:c3" },
      NetworkSettings: { Networks: {} },
      Ports: [],
    },
    {
      Id: "c3",
      Names: ["/dns"],
      Labels: {},
      HostConfig: { NetworkMode: "front" },
      NetworkSettings: { Networks: { front: { NetworkID: "n1", IPAddress: "172.18.0.3" } } },
      Ports: [{ PrivatePort: 53, Type: "tcp" }],
    },
    {
      Id: "c4",
      Names: ["/node"],
      Labels: {},
      HostConfig: { NetworkMode: "host" },
      NetworkSettings: { Networks: { host: { NetworkID: "n0", IPAddress: "" } } },
      Ports: [],
    },
    { Id: "c5", Names: [], HostConfig: {}, NetworkSettings: { Networks: {} }, Ports: [] },
  ],
  "/networks": [
    {
      Id: "n1",
      Name: "front",
      Scope: "local",
      Internal: false,
      Ingress: false,
      Labels: { "com.example": "x" },
    },
    { Id: "n2", Name: "ingress", Scope: "swarm", Internal: false, Ingress: true, Labels: {} },
  ],
  "/services": [
    {
      ID: "s1",
      Spec: {
        Name: "web",
        Labels: { tier: "front" },
        TaskTemplate: { ContainerSpec: { Image: "nginx:1" } },
        Mode: { Replicated: { Replicas: 1 } },
      },
      Endpoint: {
        Ports: [
          {
            Name: "http",
            Protocol: "tcp",
            TargetPort: 80,
            PublishedPort: 8080,
            PublishMode: "ingress",
          },
        ],
        VirtualIPs: [{ NetworkID: "n2", Addr: "10.0.0.5/24" }],
      },
      UpdateStatus: { State: "completed" },
    },
  ],
  "/tasks": [
    {
      ID: "t1",
      ServiceID: "s1",
      NodeID: "n-1",
      Slot: 1,
      DesiredState: "running",
      Spec: { ContainerSpec: { Image: "nginx:1", Labels: { app: "web" } } },
      Status: {
        State: "running",
        ContainerStatus: { ContainerID: "c9", PID: 5 },
        PortStatus: {
          Ports: [{ Protocol: "tcp", TargetPort: 80, PublishedPort: 32_768, PublishMode: "host" }],
        },
      },
      NetworksAttachments: [{ Network: { ID: "n2" }, Addresses: ["10.0.0.7/24"] }],
    },
  ],
  "/nodes": [
    {
      ID: "n-1",
      Spec: { Labels: { disk: "ssd" }, Role: "manager", Availability: "active" },
      Description: {
        Hostname: "pi1",
        Platform: { Architecture: "aarch64", OS: "linux" },
        Engine: { EngineVersion: "27.0.1" },
      },
      Status: { State: "ready", Addr: "192.168.1.11" },
      ManagerStatus: { Leader: true, Reachability: "reachable", Addr: "192.168.1.11:2377" },
    },
  ],
};
