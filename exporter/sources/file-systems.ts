import type { Clock } from "../shared/platform/clock.js";
import type { FileSystemFacts } from "../shared/platform/files.js";

/** The server or disk of the file system does not answer. */
export const STUCK = "stuck" as const;

interface FileSystemsOptions {
  readonly clock: Clock;
  /** statfs(2). It may never return, and then blocks one of the four threads of the pool. */
  readonly statfs: (mountPoint: string) => Promise<FileSystemFacts>;
}

/** After this a file system counts as stuck. */
const DEADLINE_MS = 2000;
/**
 * With this many blocked calls, only file systems that have answered before are queried. Of the
 * four threads of the pool, one is left for them and one for everything else.
 */
const MAX_STUCK = 2;
const MAX_REMEMBERED = 256;

/** Queries the space of mounted file systems, without waiting for a dead one twice. */
export class FileSystems {
  private readonly stuck = new Set<string>();
  private readonly answered = new Set<string>();

  constructor(private readonly options: FileSystemsOptions) {}

  /**
   * @returns {@link STUCK} when the answer takes longer than 2 s, when an earlier call has not
   * returned, or when two other file systems are stuck; queried again after the pending call has
   * returned
   * @throws the system's error
   */
  async facts(mountPoint: string, signal: AbortSignal): Promise<FileSystemFacts | typeof STUCK> {
    if (!this.canQuery(mountPoint)) return STUCK;
    const inTime = new AbortController();
    const call = this.options.statfs(mountPoint);
    try {
      const deadline = this.options.clock.sleep(
        DEADLINE_MS,
        AbortSignal.any([signal, inTime.signal]),
      );
      const answer = await Promise.race([
        call,
        deadline.then(
          () => STUCK,
          (error: unknown) => this.rethrow(error, signal),
        ),
      ]);
      if (answer === STUCK) this.markStuck(mountPoint, call);
      else this.remember(mountPoint);
      return answer;
    } catch (error) {
      if (signal.aborted) this.markStuck(mountPoint, call);
      throw error;
    } finally {
      inTime.abort();
    }
  }

  private canQuery(mountPoint: string): boolean {
    if (this.stuck.has(mountPoint)) return false;
    return this.stuck.size < MAX_STUCK + (this.answered.has(mountPoint) ? 1 : 0);
  }

  private remember(mountPoint: string): void {
    if (this.answered.size >= MAX_REMEMBERED) this.answered.clear();
    this.answered.add(mountPoint);
  }

  /** An aborted deadline is no error when the answer has arrived. */
  private rethrow(error: unknown, signal: AbortSignal): typeof STUCK {
    if (signal.aborted) throw error;
    return STUCK;
  }

  private markStuck(mountPoint: string, call: Promise<FileSystemFacts>): void {
    this.stuck.add(mountPoint);
    const release = (): void => void this.stuck.delete(mountPoint);
    call.then(release, release);
  }
}
