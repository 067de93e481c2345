import {
  resolveDns as askNameServers,
  type ResolveDns,
} from "../../exporter/shared/platform/resolve-dns.js";
import { WakeableSleep } from "../../exporter/shared/platform/wakeable-sleep.js";
import type { Discoveries } from "./discoveries-config.js";
import { DnsSource } from "./dns-source.js";
import { DockerSource } from "./docker-source.js";
import { FileSource } from "./file-source.js";
import type { GroupSource, SourceParts } from "./group-source.js";
import { HttpSource } from "./http-source.js";
import type { TargetGroup } from "./target-group.js";

export interface GroupSourcesParts extends SourceParts {
  /** Undefined: the name servers of the system are asked. */
  readonly resolveDns?: ResolveDns;
}

/** The sources of one section, each refreshed by a loop of its own. */
export class GroupSources {
  private readonly files: readonly FileSource[];
  private readonly servers: readonly GroupSource[];
  private loops: readonly Promise<void>[] = [];

  constructor(
    discoveries: Discoveries,
    private readonly parts: GroupSourcesParts,
  ) {
    const { resolveDns = askNameServers } = parts;
    this.files = discoveries.files.map((discovery) => new FileSource(discovery, parts));
    this.servers = [
      ...discoveries.http.map((discovery) => new HttpSource(discovery, parts)),
      ...discoveries.dns.map((discovery) => new DnsSource(discovery, { ...parts, resolveDns })),
      ...discoveries.docker.map((discovery) => new DockerSource(discovery, parts)),
    ];
  }

  /** Failed refreshes since the start. */
  get failures(): number {
    return [...this.files, ...this.servers].reduce((sum, { failures }) => sum + failures, 0);
  }

  groups(): TargetGroup[] {
    return [...this.files, ...this.servers].flatMap((source) => source.groups());
  }

  /** Reads the files once. Servers may hang, so a start does not wait for them. */
  async readFiles(): Promise<void> {
    await Promise.all(this.files.map((source) => source.refresh()));
  }

  /** Starts the loops, which end when the signal aborts. */
  start(signal: AbortSignal, onChange: () => void): void {
    this.loops = [
      ...this.files.map((source) => this.refresh(source, signal, onChange, source.refreshMs)),
      ...this.servers.map((source) => this.refresh(source, signal, onChange, 0)),
    ];
  }

  /** Waits for the end of the loops. */
  async ended(): Promise<void> {
    await Promise.all(this.loops);
  }

  private async refresh(
    source: GroupSource,
    signal: AbortSignal,
    onChange: () => void,
    delayMs: number,
  ): Promise<void> {
    const pause = new WakeableSleep(this.parts.clock, signal);
    if (delayMs > 0) await pause.sleep(delayMs);
    while (!signal.aborted) {
      if (await source.refresh(signal)) onChange();
      await pause.sleep(source.refreshMs);
    }
  }
}
