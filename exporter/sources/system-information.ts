import type { Clock } from "../shared/platform/clock.js";

/** Facts that the files of this machine do not contain. */
export interface SystemFacts {
  readonly os: string | undefined;
  readonly model: string | undefined;
  readonly serial: string | undefined;
  readonly architecture: string | undefined;
}

/** The two functions used of the systeminformation package. */
export interface SystemInformationPackage {
  system(): Promise<{ manufacturer: string; model: string; serial: string }>;
  osInfo(): Promise<{ distro: string; release: string; arch: string }>;
}

const NOTHING: SystemFacts = {
  os: undefined,
  model: undefined,
  serial: undefined,
  architecture: undefined,
};
const REFRESH_MS = 3_600_000;
const DEADLINE_MS = 10_000;

/**
 * Queries the systeminformation package, which starts child processes and takes 9 MB. It is loaded
 * at the first call, and queried at most once an hour.
 */
export class SystemInformation {
  private known: SystemFacts = NOTHING;
  private refreshedAtMs: number | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly load: () => Promise<SystemInformationPackage> = () =>
      import("systeminformation"),
  ) {}

  /** Knows nothing. */
  static none(clock: Clock): SystemInformation {
    const nothing = new SystemInformation(clock);
    nothing.refreshedAtMs = Number.POSITIVE_INFINITY;
    return nothing;
  }

  /**
   * Empty when the package fails or takes longer than 10 s. A late answer is used by the next call.
   */
  async facts(signal: AbortSignal): Promise<SystemFacts> {
    const nowMs = this.clock.monotonicMs();
    if (this.refreshedAtMs === undefined || nowMs - this.refreshedAtMs >= REFRESH_MS) {
      this.refreshedAtMs = nowMs;
      const answered = new AbortController();
      const refreshed = this.refresh().finally(() => answered.abort());
      const deadline = this.clock.sleep(DEADLINE_MS, AbortSignal.any([signal, answered.signal]));
      await Promise.race([refreshed, deadline.catch(() => undefined)]);
    }
    return this.known;
  }

  private async refresh(): Promise<void> {
    try {
      const { system, osInfo } = await this.load();
      const [board, os] = await Promise.all([system(), osInfo()]);
      this.known = {
        os: joined(os.distro, os.release),
        model: joined(board.manufacturer, board.model),
        serial: joined(board.serial),
        architecture: joined(os.arch),
      };
    } catch {
      // The package is a last resort for facts that only inform. Without it, their labels stay
      // empty.
    }
  }
}

/** The package returns a dash, "unknown" or an empty text for facts it does not find. */
function joined(...parts: readonly string[]): string | undefined {
  const known = parts.filter((part) => !["", "-", "unknown", "Computer"].includes(part));
  return known.length === 0 ? undefined : known.join(" ");
}
