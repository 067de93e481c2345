import { FilledLog } from "./filled-log.js";
import { HostLog } from "./host-log.js";
import type { LogKind } from "./host-log-settings.js";
import type { HostLogWriter } from "./host-log-writer.js";
import type { LogOwners } from "./log-owners.js";
import { RotatingLog } from "./rotating-log.js";

/**
 * The logs of one exporter. `alarms.log` belongs to the address, whose entry has the port
 * `undefined`.
 */
export class EndpointLogs {
  readonly byKind = new Map<LogKind, HostLog>();
  private filled: FilledLog | undefined;

  constructor(
    readonly folder: string,
    private readonly port: number | undefined,
    private readonly shared: { readonly writer: HostLogWriter; readonly owners: LogOwners },
  ) {}

  /** @param nowMs monotonic time */
  logOf(kind: LogKind, nowMs: number): HostLog {
    let log = this.byKind.get(kind);
    if (log === undefined) {
      log = new HostLog(this.shared.writer, this, kind);
      this.byKind.set(kind, log);
    }
    log.usedMs = nowMs;
    return log;
  }

  /** Where lines from the exporter's history are collected. */
  filledLog(): FilledLog {
    const {
      folder,
      shared: { writer },
    } = this;
    this.filled ??= new FilledLog(writer, {
      folder,
      findSuffix: () => this.findSuffix(),
      logOf: (family) => this.logOf(family, writer.parts.clock.monotonicMs()),
    });
    return this.filled;
  }

  /** @throws the system's error */
  async open(kind: LogKind): Promise<RotatingLog> {
    return this.create(kind, await this.findSuffix());
  }

  /** Undefined when the disk has to be read first. */
  openSync(kind: LogKind): RotatingLog | undefined {
    const {
      folder,
      port,
      shared: { owners },
    } = this;
    const suffix = port === undefined ? "" : owners.suffixSync(folder, port);
    return suffix === undefined ? undefined : this.create(kind, suffix);
  }

  /**
   * Forgets logs that were not used since `untilMs`.
   *
   * @returns true when none is left
   */
  forgetIdle(untilMs: number): boolean {
    for (const [kind, log] of this.byKind)
      if (log.usedMs <= untilMs && log.isIdle) this.byKind.delete(kind);
    return this.byKind.size === 0 && this.filled?.isIdle !== false;
  }

  private async findSuffix(): Promise<string> {
    return this.port === undefined ? "" : this.shared.owners.suffixFor(this.folder, this.port);
  }

  private create(kind: LogKind, suffix: string): RotatingLog {
    const { files, settings } = this.shared.writer.parts;
    const name = settings.fileNames[kind].replace(/(?=\.log$)/, suffix);
    return new RotatingLog(this.folder, name, files, settings);
  }
}
