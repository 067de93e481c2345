import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { JsonFields } from "../../exporter/shared/codec/json-fields.js";
import { type Clock, systemClock } from "../../exporter/shared/platform/clock.js";

/** From a time of the machine's clock on, time passes `speed` times as fast. */
type PaceChange = readonly [realMs: number, speed: number];
/** From a time of the rig on, the wall clock of the Pi is off by this much more. */
type ClockStep = readonly [rigMs: number, stepMs: number];

interface Pace {
  readonly changes: readonly PaceChange[];
  readonly steps: readonly ClockStep[];
}

/**
 * Interval at which programs look for a new pace. A change is written this long before it takes
 * effect.
 */
const LOOK_EVERY_MS = 40;
const NOTICE_MS = 250;

const realNowMs = (): number => performance.timeOrigin + performance.now();

/** A file that says how fast time passes, so that several processes share one time. */
export class PaceFile {
  private pace: Pace;

  constructor(
    private readonly filePath: string,
    speed: number,
  ) {
    this.pace = { changes: [[realNowMs(), speed]], steps: [] };
    this.write();
  }

  /**
   * Lets `rigMs` pass at `fast` times real time, then continues at `speed`.
   *
   * @returns resolves at the end of that time, in real time
   */
  hurry(rigMs: number, { fast, speed }: { fast: number; speed: number }): number {
    const fromMs = realNowMs() + NOTICE_MS;
    const untilMs = fromMs + rigMs / fast;
    this.pace = { ...this.pace, changes: [...this.pace.changes, [fromMs, fast], [untilMs, speed]] };
    this.write();
    return untilMs;
  }

  /** Steps the wall clock of the Pi now. */
  step(stepMs: number): void {
    this.pace = { ...this.pace, steps: [...this.pace.steps, [this.nowMs(), stepMs]] };
    this.write();
  }

  /** The true time of the rig. */
  nowMs(): number {
    return rigMsAt(this.pace, realNowMs());
  }

  private write(): void {
    writeFileSync(`${this.filePath}.new`, JSON.stringify(this.pace));
    renameSync(`${this.filePath}.new`, this.filePath);
  }
}

/** A clock that follows a pace file. */
export class PacedClock implements Clock {
  private pace: Pace;
  private readonly startMs: number;
  /**
   * Within one turn of the event loop, time stands still. Otherwise time lost to the system would
   * be sped up, too.
   */
  private turnMs: number | undefined;

  /**
   * @param isStepped whether the wall clock follows the steps in the file; the true time does not
   */
  constructor(
    private readonly filePath: string,
    private readonly isStepped: boolean,
  ) {
    this.pace = readPace(filePath);
    this.startMs = this.trueMs();
    setInterval(() => (this.pace = readPace(this.filePath)), LOOK_EVERY_MS).unref();
  }

  trueMs(): number {
    if (this.turnMs === undefined) {
      this.turnMs = rigMsAt(this.pace, realNowMs());
      setImmediate(() => (this.turnMs = undefined));
    }
    return this.turnMs;
  }

  wallMs(): number {
    const trueMs = this.trueMs();
    if (!this.isStepped) return trueMs;
    return this.pace.steps.reduce(
      (wallMs, [atMs, stepMs]) => (atMs <= trueMs ? wallMs + stepMs : wallMs),
      trueMs,
    );
  }

  monotonicMs(): number {
    return this.trueMs() - this.startMs;
  }

  async sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    const untilMs = this.trueMs() + delayMs;
    do {
      const realMs = Math.max(0, realMsAt(this.pace, untilMs) - realNowMs());
      await systemClock.sleep(Math.min(realMs, LOOK_EVERY_MS), signal);
    } while (untilMs - this.trueMs() > 1);
  }
}

function readPace(filePath: string): Pace {
  const fields = JsonFields.parse(readFileSync(filePath, "utf8"), "pace");
  const pairs = (key: string): [number, number][] =>
    fields.lists(key, { itemLength: 2 }).map((pair) => [pair.number(0), pair.number(1)]);
  return { changes: pairs("changes"), steps: pairs("steps") };
}

function rigMsAt({ changes }: Pace, realMs: number): number {
  let rigMs = changes[0]?.[0] ?? 0;
  for (const [index, [fromMs, speed]] of changes.entries()) {
    const untilMs = Math.min(realMs, changes[index + 1]?.[0] ?? Number.POSITIVE_INFINITY);
    if (untilMs > fromMs) rigMs += (untilMs - fromMs) * speed;
  }
  return rigMs;
}

function realMsAt({ changes }: Pace, wantedMs: number): number {
  let rigMs = changes[0]?.[0] ?? 0;
  for (const [index, [fromMs, speed]] of changes.entries()) {
    const untilMs = changes[index + 1]?.[0] ?? Number.POSITIVE_INFINITY;
    if (rigMs + (untilMs - fromMs) * speed >= wantedMs) return fromMs + (wantedMs - rigMs) / speed;
    rigMs += (untilMs - fromMs) * speed;
  }
  return Number.POSITIVE_INFINITY;
}
