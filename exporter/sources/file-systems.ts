import type { Clock } from "../shared/platform/clock.js";
import type { FileSystemFacts, SystemPath } from "../shared/platform/files.js";

/** The server or disk of the file system does not answer. */
export const STUCK = "stuck" as const;

type Ask = (path: SystemPath, signal: AbortSignal) => Promise<FileSystemFacts>;

interface FileSystemsOptions {
  readonly clock: Clock;
  /** statfs(2). It may never return, and then blocks one of the four threads of the pool. */
  statfs(path: SystemPath): Promise<FileSystemFacts>;
  /**
   * The same question in a process of its own, which knows the unit of the counts of every type and
   * blocks no thread.
   */
  readonly program?: Ask;
}

/** After this a file system counts as stuck. */
const DEADLINE_MS = 2000;
/**
 * Blocked calls of the thread pool with which it is asked only for file systems that have answered
 * before. Of its four threads, one is left for them and one for everything else.
 */
const MAX_STUCK_THREADS = 2;
/** Processes that wait for a file system at once. */
const MAX_STUCK_PROGRAMS = 16;
const MAX_REMEMBERED = 4096;

/**
 * Types of the Linux kernel whose statfs(2) counts in blocks of f_bsize. Every other type (FUSE
 * and network file systems, and types not known here) may count in f_frsize and may wait
 * for a server.
 */
const ONE_BLOCK_SIZE = new Set(
  [
    "affs bcachefs befs bfs btrfs cramfs efs erofs exfat ext2 ext3 ext4 f2fs hfs hfsplus hpfs",
    "iso9660 jffs2 jfs minix msdos nilfs2 ntfs ntfs3 overlay qnx4 qnx6 ramfs reiserfs romfs squashfs sysv",
    "tmpfs devtmpfs ubifs udf vfat xfs zfs zonefs",
  ].flatMap((line) => line.split(" ")),
);

/** True for file systems that wait for no server and for no program. */
export const isAnsweredByKernel = (type: string): boolean => ONE_BLOCK_SIZE.has(type);

/** A way to ask, with the file systems whose call by this way has not returned. */
interface Lane {
  readonly ask: Ask;
  readonly maxStuck: number;
  readonly stuck: Set<string>;
}

/** Queries the space of mounted file systems. A dead one hides no other. */
export class FileSystems {
  private readonly answered = new Set<string>();
  private readonly threads: Lane;
  private readonly programs: Lane | undefined;

  constructor(private readonly options: FileSystemsOptions) {
    const { program } = options;
    const ask: Ask = (path) => options.statfs(path);
    this.threads = { ask, maxStuck: MAX_STUCK_THREADS, stuck: new Set() };
    if (program !== undefined)
      this.programs = { ask: program, maxStuck: MAX_STUCK_PROGRAMS, stuck: new Set() };
  }

  /**
   * @param type of the file system; decides how it is asked
   * @returns {@link STUCK} when the answer takes longer than 2 s, when an earlier call has not
   * returned, or when too many other file systems are stuck; queried again after the pending call
   * has returned
   * @throws the system's error
   */
  async facts(
    path: SystemPath,
    signal: AbortSignal,
    type = "ext4",
  ): Promise<FileSystemFacts | typeof STUCK> {
    const key = typeof path === "string" ? path : Buffer.from(path).toString("latin1");
    if (this.threads.stuck.has(key) || this.programs?.stuck.has(key) === true) return STUCK;
    const lane = this.laneFor(key, type);
    return lane === undefined ? STUCK : this.ask(lane, { path, key }, signal);
  }

  private laneFor(key: string, type: string): Lane | undefined {
    const { threads, programs } = this;
    const bonus = this.answered.has(key) ? 1 : 0;
    const lanes = isAnsweredByKernel(type) || programs === undefined ? [threads] : [];
    if (programs !== undefined) lanes.push(programs);
    return lanes.find(({ stuck, maxStuck }) => stuck.size < maxStuck + bonus);
  }

  private async ask(
    lane: Lane,
    { path, key }: { readonly path: SystemPath; readonly key: string },
    signal: AbortSignal,
  ): Promise<FileSystemFacts | typeof STUCK> {
    const inTime = new AbortController();
    const tooLate = new AbortController();
    const call = lane.ask(path, tooLate.signal);
    const markStuck = (): void => {
      lane.stuck.add(key);
      tooLate.abort();
      const release = (): void => void lane.stuck.delete(key);
      call.then(release, release);
    };
    try {
      const deadline = this.options.clock.sleep(
        DEADLINE_MS,
        AbortSignal.any([signal, inTime.signal]),
      );
      const answer = await Promise.race([
        call,
        deadline.then(
          () => STUCK,
          (error: unknown) => rethrowWhenAborted(error, signal),
        ),
      ]);
      if (answer === STUCK) markStuck();
      else this.remember(key);
      return answer;
    } catch (error) {
      if (signal.aborted) markStuck();
      throw error;
    } finally {
      inTime.abort();
    }
  }

  private remember(key: string): void {
    if (this.answered.size >= MAX_REMEMBERED) this.answered.clear();
    this.answered.add(key);
  }
}

/** An aborted deadline is no error when the answer has arrived. */
function rethrowWhenAborted(error: unknown, signal: AbortSignal): typeof STUCK {
  if (signal.aborted) throw error;
  return STUCK;
}
