import {
  HttpError,
  type HttpRequest,
  type HttpResponse,
  type SendHttp,
} from "../../../exporter/shared/platform/http/http-client.js";
import { silentLogger } from "../../../exporter/shared/platform/logger.js";
import { parseScraperConfig } from "../../../scraper/config/config.js";
import {
  type DiscoveryConfig,
  DiscoveryManager,
} from "../../../scraper/discovery/discovery-manager.js";
import type { ProbeProgress } from "../../../scraper/discovery/range-prober.js";
import { Fleet } from "../../../scraper/fleet/fleet.js";
import type { Target } from "../../../scraper/fleet/target.js";
import { FakeClock } from "../../support/fake-clock.js";
import { MemoryFiles } from "../../support/memory-files.js";

/** Answers by URL; what is not in here is a silent address. */
export class FakeNetwork {
  readonly requests: HttpRequest[] = [];
  readonly answers = new Map<string, () => HttpResponse | Promise<HttpResponse>>();
  readonly names = new Map<string, string[]>();

  readonly sendHttp: SendHttp = async (request) => {
    this.requests.push(request);
    const answer = this.answers.get(`${request.method ?? "GET"} ${request.url}`);
    if (answer === undefined)
      throw new HttpError("unreachable", `Cannot fetch "${request.url}": refused`);
    return answer();
  };

  readonly resolveHost = async (name: string): Promise<string[]> => {
    const addresses = this.names.get(name);
    if (addresses === undefined) throw new Error(`ENOTFOUND ${name}`);
    return addresses;
  };

  addExporter(endpoint: string): void {
    this.answers.set(`GET http://${endpoint}/-/healthy`, () => response(200, "ok"));
  }
}

export function response(
  status: number,
  body: string,
  contentType = "text/plain; version=0.0.4",
): HttpResponse {
  return { status, headers: { "content-type": contentType }, body: Buffer.from(body) };
}

/** A discovery with fake surroundings. */
export class DiscoveryUnderTest {
  readonly clock = new FakeClock();
  readonly files = new MemoryFiles();
  readonly network = new FakeNetwork();
  readonly notifications: (readonly Target[])[] = [];
  readonly progress: ProbeProgress[] = [];
  readonly fleet: Fleet = new Fleet({
    clock: this.clock,
    log: silentLogger,
    isAllowedAddress: (address) => this.manager.isAllowedAddress(address),
    onHeartbeat: (host) => this.manager.heartbeatFrom(host),
  });
  manager!: DiscoveryManager;

  async start(yaml: string): Promise<void> {
    this.manager = new DiscoveryManager({
      config: await this.configOf(yaml),
      fleet: this.fleet,
      sendHttp: this.network.sendHttp,
      resolveHost: this.network.resolveHost,
      files: this.files,
      clock: this.clock,
      log: silentLogger,
      random: () => 0.5,
      onTargetsChanged: (targets) => this.notifications.push(targets),
      onProbeProgress: (progress) => this.progress.push(progress),
    });
    await this.manager.start();
  }

  async configOf(yaml: string): Promise<DiscoveryConfig> {
    const config = await parseScraperConfig(yaml, "/etc/test.yml", this.files);
    return {
      jobs: config.scrapeConfigs,
      probes: config.discovery,
      forgetAfterMs: config.fleet.forgetAfterMs,
    };
  }

  instances(): string[] {
    return this.manager
      .targets()
      .map(({ labels }) => labels.get("instance"))
      .sort();
  }

  beat(address: string, nodeId = "a".repeat(32), port = 8732): string {
    const { clock } = this;
    const heartbeat = {
      nodeId,
      hostname: "pi1",
      port,
      bootId: "b1",
      wallMs: clock.wallMs(),
      monotonicMs: 1,
      history: undefined,
    };
    const outcome = this.fleet.receiveHeartbeat(heartbeat, address, clock.wallMs());
    return outcome.accepted ? "accepted" : outcome.refusal;
  }
}
