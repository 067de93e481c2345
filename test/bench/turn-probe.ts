/**
 * Measures the turns of the event loop of a program, loaded before it with `--import`.
 *
 * An immediate that renews itself divides the work of the main thread into turns. The cost of a turn is
 * the time that the main thread ran on a processor meanwhile (/proc/self/task/<pid>/schedstat), so other
 * processes and other threads of this one do not count. The kernel updates that time at least once per
 * scheduler tick (4 ms). The loop never sleeps while it is measured. Also measured are pauses for garbage
 * collection, by the wall clock.
 *
 * SIGUSR2 writes the figures since the last one as JSON to the file of TURN_PROBE_FILE.
 */
import { openSync, readSync, renameSync, writeFileSync } from "node:fs";
import { PerformanceObserver } from "node:perf_hooks";

/** Counts since the last SIGUSR2. */
export interface TurnFigures {
  readonly sequence: number;
  readonly turns: number;
  readonly longestTurnMs: number;
  /** Turns of more than 50 ms. */
  readonly longTurns: number;
  readonly longestGcMs: number;
  readonly gcMs: number;
}

const LONG_TURN_MS = 50;

const schedstat = openSync(`/proc/self/task/${process.pid}/schedstat`, "r");
const text = Buffer.alloc(96);

function threadCpuMs(): number {
  const length = readSync(schedstat, text, 0, text.length, 0);
  return Number.parseInt(text.toString("latin1", 0, length), 10) / 1e6;
}

class TurnProbe {
  private sequence = 0;
  private turns = 0;
  private longestTurnMs = 0;
  private longTurns = 0;
  private longestGcMs = 0;
  private gcMs = 0;
  private startMs = threadCpuMs();
  private readonly collections = new PerformanceObserver((list) => this.noteGc(list.getEntries()));

  constructor(private readonly file: string) {
    this.collections.observe({ entryTypes: ["gc"] });
    process.on("SIGUSR2", () => this.write());
    this.watch();
  }

  private watch(): void {
    setImmediate(() => {
      const nowMs = threadCpuMs();
      const turnMs = nowMs - this.startMs;
      this.startMs = nowMs;
      this.turns++;
      this.longestTurnMs = Math.max(this.longestTurnMs, turnMs);
      if (turnMs > LONG_TURN_MS) this.longTurns++;
      this.watch();
    }).unref();
  }

  private noteGc(entries: readonly { readonly duration: number }[]): void {
    for (const { duration } of entries) {
      this.longestGcMs = Math.max(this.longestGcMs, duration);
      this.gcMs += duration;
    }
  }

  private write(): void {
    this.noteGc(this.collections.takeRecords());
    this.sequence++;
    const { sequence, turns, longestTurnMs, longTurns, longestGcMs, gcMs } = this;
    const figures: TurnFigures = { sequence, turns, longestTurnMs, longTurns, longestGcMs, gcMs };
    writeFileSync(`${this.file}.tmp`, JSON.stringify(figures));
    renameSync(`${this.file}.tmp`, this.file);
    [this.turns, this.longestTurnMs, this.longTurns, this.longestGcMs, this.gcMs] = [0, 0, 0, 0, 0];
    this.startMs = threadCpuMs();
  }
}

const { TURN_PROBE_FILE } = process.env;
if (TURN_PROBE_FILE !== undefined) void new TurnProbe(TURN_PROBE_FILE);
