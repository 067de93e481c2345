import type { MetricsSource, Sample } from "../../exporter/shared/model/metric.js";
import path from "node:path";
import { messageOf } from "../../exporter/shared/model/errors.js";
import type { Clock } from "../../exporter/shared/platform/clock.js";
import type { Files } from "../../exporter/shared/platform/files.js";
import type { Logger } from "../../exporter/shared/platform/logger.js";
import { makeStateFolder, readStateFile } from "../../exporter/shared/platform/state-file.js";
import { removeStrayFiles } from "../../exporter/shared/platform/stray-files.js";
import { WakeableSleep } from "../../exporter/shared/platform/wakeable-sleep.js";
import type { Fleet } from "./fleet.js";
import { HOST_FILE_METRICS } from "./fleet-metrics.js";
import {
  decodeFleetFacts,
  decodeHostFacts,
  encodeFleetFacts,
  encodeHostFacts,
  type TargetFacts,
} from "./host-facts.js";
import { hostFolder, hostFolders, HOSTS_FOLDER } from "./host-folder.js";
import type { KnownHost } from "./known-host.js";
import type { Target } from "./target.js";

const LOOK_EVERY_MS = 30_000;
/** Delay after news, so that related changes are written together. */
const NEWS_PAUSE_MS = 1000;
/** Shortest time between two writes of a file after changes of the host. */
const CHANGED_WRITE_MS = 10_000;
/** Interval of writes when only the time of the last contact changed, because SD cards wear out. */
const SEEN_WRITE_MS = 3_600_000;
export const MAX_FACTS_BYTES = 1_048_576;
/**
 * The state of all hosts at the end of the last run, in one file, because thousands of files take
 * too long to write at shutdown.
 */
export const FLEET_FILE = "fleet.json";
export const MAX_FLEET_BYTES = 268_435_456;

interface Written {
  /** The facts without times. Equal text has been written already. */
  readonly essence: string;
  readonly writtenMs: number;
}

/**
 * Keeps `hosts/<ip>/host.json` of every known host up to date, and reads these files at start. One
 * loop writes changes.
 */
export class HostFiles implements MetricsSource {
  readonly metrics = Object.values(HOST_FILE_METRICS);
  private readonly written = new Map<string, Written>();
  private targets: ReadonlyMap<string, TargetFacts[]> = new Map();
  private readonly stopping = new AbortController();
  private readonly pause: WakeableSleep;
  private ended: Promise<void> | undefined;
  private failures = 0;
  private isFailing = false;

  constructor(
    private readonly parts: {
      readonly dataFolder: string;
      readonly fleet: Fleet;
      readonly files: Files;
      readonly clock: Clock;
      readonly log: Logger;
    },
  ) {
    this.pause = new WakeableSleep(parts.clock, this.stopping.signal);
  }

  /**
   * Adds the hosts of earlier runs to the fleet. Files that cannot be read are logged and moved
   * aside.
   */
  async load(): Promise<void> {
    const { files, fleet, dataFolder, log } = this.parts;
    const folder = path.join(dataFolder, HOSTS_FOLDER);
    const folders = await hostFolders(files, folder, log);
    for (const name of folders) await removeStrayFiles(files, path.join(folder, name));
    const known = await this.takeFleetFile(new Set(folders));
    for (const name of folders) {
      if (known.has(name)) continue;
      const file = path.join(folder, name, "host.json");
      fleet.restore((await this.readFacts(file, MAX_FACTS_BYTES, decodeHostFacts)) ?? []);
    }
  }

  /**
   * Restores hosts from the fleet file, if they have a folder, and removes the file, which is
   * outdated after this run.
   *
   * @returns the folders of these hosts
   */
  private async takeFleetFile(folders: ReadonlySet<string>): Promise<ReadonlySet<string>> {
    const { files, fleet, log } = this.parts;
    const restored = new Set<string>();
    const hosts = await this.readFacts(this.fleetFile, MAX_FLEET_BYTES, decodeFleetFacts);
    for (const exporters of hosts ?? []) {
      const [first] = exporters;
      if (first === undefined) continue;
      const name = path.basename(hostFolder(first.address));
      if (!folders.has(name)) continue;
      restored.add(name);
      fleet.restore(exporters);
    }
    await files.remove(this.fleetFile).catch((error: unknown) => {
      log.warn("Cannot remove fleet file", { file: this.fleetFile, error: messageOf(error) });
    });
    return restored;
  }

  /** Schedules a write soon, because a host is new or has news. */
  scheduleWrite(): void {
    this.pause.wake();
  }

  /** Sets the current targets, whose labels are part of the facts of a host. */
  setTargets(targets: readonly Target[]): void {
    const byHost = new Map<string, TargetFacts[]>();
    for (const { host, url, labels, settings } of targets) {
      const facts = { job: settings.jobName, url, labels: labels.toObject() };
      const list = byHost.get(host);
      if (list === undefined) byHost.set(host, [facts]);
      else list.push(facts);
    }
    this.targets = byHost;
    this.scheduleWrite();
  }

  start(): void {
    this.ended = this.run();
  }

  /** Writes the last changes. Times of last contact go into one file. */
  async stop(): Promise<void> {
    const { files, log } = this.parts;
    this.stopping.abort();
    await this.ended;
    await this.writeDue(CHANGED_WRITE_MS);
    const byAddress = this.hostsByAddress();
    if (byAddress.size === 0) return;
    try {
      await files.replace(this.fleetFile, encodeFleetFacts(byAddress.values()));
    } catch (error) {
      this.failures++;
      log.error("Cannot write the fleet file", {
        file: this.fleetFile,
        error: messageOf(error),
      });
    }
  }

  readMetrics(): Sample[] {
    return [HOST_FILE_METRICS.failures.sample(this.failures)];
  }

  private get fleetFile(): string {
    return path.join(this.parts.dataFolder, FLEET_FILE);
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      await this.writeDue(0);
      await this.pause.sleep(LOOK_EVERY_MS);
      await this.parts.clock.sleep(NEWS_PAUSE_MS, signal).catch(() => undefined); // Stopped: the loop ends.
    }
  }

  /**
   * Writes one file after the other, so thousands of hosts do not overload the disk.
   *
   * @param extraAgeMs added to every age
   */
  private async writeDue(extraAgeMs: number): Promise<void> {
    for (const [address, exporters] of this.hostsByAddress()) {
      if (this.stopping.signal.aborted && extraAgeMs === 0) return;
      const targets = this.targets.get(address) ?? [];
      const essence = essenceOf(exporters, targets);
      const written = this.written.get(address);
      const nowMs = this.parts.clock.monotonicMs();
      const ageMs =
        written === undefined ? Number.POSITIVE_INFINITY : nowMs - written.writtenMs + extraAgeMs;
      if (ageMs < (written?.essence === essence ? SEEN_WRITE_MS : CHANGED_WRITE_MS)) continue;
      if (await this.write(address, encodeHostFacts(exporters, targets))) {
        this.written.set(address, { essence, writtenMs: nowMs });
      }
    }
  }

  private async write(address: string, text: string): Promise<boolean> {
    const { files, dataFolder, log } = this.parts;
    const folder = path.join(dataFolder, hostFolder(address));
    try {
      await makeStateFolder(files, folder, log);
      await files.replace(path.join(folder, "host.json"), text);
      this.isFailing = false;
      return true;
    } catch (error) {
      this.failures++;
      if (!this.isFailing) log.error("Cannot write host.json", { folder, error: messageOf(error) });
      this.isFailing = true;
      return false;
    }
  }

  /** Undefined when the file is missing or cannot be used; its facts are then collected again. */
  private readFacts<Facts>(
    filePath: string,
    maxBytes: number,
    decode: (text: string) => Facts,
  ): Promise<Facts | undefined> {
    const { files, log } = this.parts;
    const effect = "the facts of these hosts are collected again";
    return readStateFile({ files, log, filePath, maxBytes, decode, effect });
  }

  private hostsByAddress(): Map<string, KnownHost[]> {
    const byAddress = new Map<string, KnownHost[]>();
    for (const host of this.parts.fleet.allHosts()) {
      const list = byAddress.get(host.address);
      if (list === undefined) byAddress.set(host.address, [host]);
      else list.push(host);
    }
    return byAddress;
  }
}

function essenceOf(exporters: readonly KnownHost[], targets: readonly TargetFacts[]): string {
  const identities = exporters.map(({ port, node }) => [
    port,
    node?.nodeId,
    node?.hostname,
    node?.bootId,
  ]);
  return JSON.stringify([identities, targets]);
}
