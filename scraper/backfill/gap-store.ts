import path from "node:path";
import { messageOf } from "../../exporter/shared/model/errors.js";
import type { Clock } from "../../exporter/shared/platform/clock.js";
import type { Files } from "../../exporter/shared/platform/files.js";
import type { Logger } from "../../exporter/shared/platform/logger.js";
import { makeStateFolder, readStateFile } from "../../exporter/shared/platform/state-file.js";
import { Labels } from "../../exporter/shared/model/labels.js";
import { hostFolder, hostFolders, HOSTS_FOLDER } from "../fleet/host-folder.js";
import { BootClocks } from "./boot-clocks.js";
import {
  decodeGapFile,
  encodeGapFile,
  GAP_FILE,
  type GapFile,
  MAX_GAP_FILE_BYTES,
  type StoredTarget,
} from "./gap-file.js";
import type { StoredGaps } from "./target-gaps.js";

/** The gaps of one address beside the ones of watched targets. */
export interface HostGaps {
  readonly boots: BootClocks;
  /** Targets that are not watched now, by the key of their labels. */
  readonly departed: Map<string, StoredTarget>;
  /** When the file of `departed` was written; -Infinity without a file. */
  readonly knownUntilMs: number;
  /** True when the file is out of date. */
  isDirty: boolean;
  /** The end of the last write; writes run one after the other. */
  writing: Promise<void>;
}

interface GapStoreParts {
  readonly dataFolder: string;
  readonly files: Files;
  readonly clock: Clock;
  readonly log: Logger;
  /** Yields the watched targets of a host. */
  readonly watchedOf: (host: string) => readonly StoredTarget[];
}

/** Reads and writes `hosts/<ip>/gaps.json`. See gaps.format.md. */
export class GapStore {
  private readonly hosts = new Map<string, HostGaps>();
  private isFailing = false;
  failures = 0;

  constructor(private readonly parts: GapStoreParts) {}

  /** Reads the files of earlier runs. A file that cannot be used is logged and replaced later. */
  async load(): Promise<void> {
    const { files, dataFolder, log } = this.parts;
    const folder = path.join(dataFolder, HOSTS_FOLDER);
    for (const name of await hostFolders(files, folder, log)) {
      const file = await this.readFile(path.join(folder, name, GAP_FILE));
      if (file !== undefined) this.hosts.set(name, hostGapsOf(file));
    }
  }

  of(host: string): HostGaps {
    const name = path.posix.basename(hostFolder(host));
    const known = this.hosts.get(name);
    if (known !== undefined) return known;
    const created = hostGapsOf(undefined);
    this.hosts.set(name, created);
    return created;
  }

  /** Hands over the gaps of a target from an earlier run, or from before it was removed. */
  takeDeparted(host: string, labels: Labels): StoredGaps | undefined {
    const { departed, knownUntilMs } = this.of(host);
    const stored = departed.get(labels.key);
    departed.delete(labels.key);
    return stored === undefined ? undefined : { ...stored, knownUntilMs };
  }

  /** Targets at other addresses that are not watched now and whose Pi has this node id. */
  *departedOf(nodeId: string, exceptHost: string): Generator<HostGaps["departed"]> {
    const own = this.of(exceptHost);
    for (const gaps of this.hosts.values()) {
      const found = [...gaps.departed].filter(([, stored]) => stored.nodeId === nodeId);
      if (gaps !== own && found.length > 0) yield new Map(found);
    }
  }

  /** Forgets the missing ranges of these targets, because they are filled elsewhere. */
  clearMissingOf(nodeId: string, exceptHost: string): void {
    const own = this.of(exceptHost);
    for (const gaps of this.hosts.values()) {
      if (gaps === own) continue;
      for (const [key, stored] of gaps.departed) {
        if (stored.nodeId !== nodeId || stored.missing.length === 0) continue;
        gaps.departed.set(key, { ...stored, missing: [] });
        gaps.isDirty = true;
      }
    }
  }

  hostNames(): IterableIterator<string> {
    return this.hosts.keys();
  }

  /**
   * Replaces the file of a host if it is out of date. Failures are logged, counted and retried
   * later.
   */
  save(host: string): Promise<void> {
    const gaps = this.of(host);
    gaps.writing = gaps.writing.then(() => this.write(host, gaps));
    return gaps.writing;
  }

  async saveAll(): Promise<void> {
    for (const [host, { isDirty }] of this.hosts) if (isDirty) await this.save(host);
  }

  private async write(host: string, gaps: HostGaps): Promise<void> {
    if (!gaps.isDirty) return;
    const { files, dataFolder, clock, log, watchedOf } = this.parts;
    const folder = path.join(dataFolder, hostFolder(host));
    const targets = [...watchedOf(host), ...gaps.departed.values()];
    gaps.isDirty = false;
    try {
      await makeStateFolder(files, folder, log);
      const text = encodeGapFile({
        writtenMs: Math.round(clock.wallMs()),
        targets,
        boots: gaps.boots.entries,
      });
      await files.replace(path.join(folder, GAP_FILE), text);
      this.isFailing = false;
    } catch (error) {
      gaps.isDirty = true;
      this.failures++;
      if (!this.isFailing) log.error("Cannot write gaps.json", { folder, error: messageOf(error) });
      this.isFailing = true;
    }
  }

  private readFile(filePath: string): Promise<GapFile | undefined> {
    return readStateFile({
      files: this.parts.files,
      log: this.parts.log,
      filePath,
      maxBytes: MAX_GAP_FILE_BYTES,
      decode: decodeGapFile,
      effect: "the gaps of earlier runs are forgotten",
    });
  }
}

function hostGapsOf(file: GapFile | undefined): HostGaps {
  return {
    boots: new BootClocks(file?.boots),
    departed: new Map(file?.targets.map((target) => [Labels.of(target.labels).key, target])),
    knownUntilMs: file?.writtenMs ?? Number.NEGATIVE_INFINITY,
    isDirty: false,
    writing: Promise.resolve(),
  };
}
