/**
 * Admits queries and other long reads. A request of the API, of a page or of a rule comes in; it waits
 * until fewer than `max_concurrency` of its lane run, and then runs with a pacer and a share of the
 * memory of all queries. A query that finds too little memory gives back what it holds, waits for the
 * others and starts again. The work runs in the asynchronous call of the caller.
 */
import { abortReasonOf } from "../../../exporter/shared/platform/abort.js";
import type { Clock } from "../../../exporter/shared/platform/clock.js";
import { type WorkLane, WorkTurns } from "../../base/work-turns.js";
import { Pacer } from "../evaluation/pacer.js";
import { MemoryPool, type QueryMemory } from "../evaluation/query-memory.js";
import {
  QueryCanceledError,
  QueryMemoryError,
  QueryTimeoutError,
} from "../language/query-errors.js";

export interface AdmissionOptions {
  readonly clock: Clock;
  /** Queries that run at once, of rules and of requests each. */
  readonly maxConcurrency: number;
  /** Of all queries together. */
  readonly memoryBytes: number;
}

export interface AdmissionRequest {
  readonly lane?: WorkLane | undefined;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /**
   * Receives the function that gives back the memory of the result. Without it the memory counts as
   * free when the work is done.
   */
  readonly keepMemory?: ((release: () => void) => void) | undefined;
}

export interface Admitted {
  readonly pacer: Pacer;
  readonly memory: QueryMemory;
}

export interface AdmissionGauges {
  readonly lanes: readonly {
    readonly lane: WorkLane;
    readonly running: number;
    readonly waiting: number;
  }[];
  readonly maxConcurrency: number;
  readonly rejected: number;
  readonly usedBytes: number;
  readonly limitBytes: number;
}

const LANES = ["requests", "rules"] as const satisfies readonly WorkLane[];

export class QueryAdmission {
  readonly pool: MemoryPool;
  readonly turns: WorkTurns;
  /** Queries that ended while they waited. */
  private rejected = 0;
  private readonly gates: Readonly<Record<WorkLane, Gate>>;

  constructor(private readonly options: AdmissionOptions) {
    const { clock, maxConcurrency, memoryBytes } = options;
    this.pool = new MemoryPool(memoryBytes);
    this.turns = new WorkTurns(clock);
    this.gates = { rules: new Gate(maxConcurrency), requests: new Gate(maxConcurrency) };
  }

  /** For metrics. */
  gauges(): AdmissionGauges {
    const { maxConcurrency } = this.options;
    const lanes = LANES.map((lane) => {
      const { running, waitingCount: waiting } = this.gates[lane];
      return { lane, running, waiting };
    });
    const { usedBytes, limitBytes } = this.pool;
    return { lanes, maxConcurrency, rejected: this.rejected, usedBytes, limitBytes };
  }

  /**
   * Runs `work` when there is room for it. It may run more than once.
   *
   * @throws {QueryTimeoutError} when no place became free in time
   * @throws {QueryMemoryError} when no memory became free in time, or none ever can
   */
  async run<Result>(
    request: AdmissionRequest,
    work: (admitted: Admitted) => Promise<Result>,
  ): Promise<Result> {
    const { clock } = this.options;
    const { lane = "requests", timeoutMs } = request;
    const deadlineMs = clock.monotonicMs() + timeoutMs;
    const gate = this.gates[lane];
    if (!gate.tryEnter()) await this.waitFor(gate.enter(), request, deadlineMs, queueTimeout);
    try {
      for (;;) {
        const shortage = await this.tryOnce(request, deadlineMs, work);
        if (!(shortage instanceof Shortage)) return shortage.result;
        await this.waitForMemory(shortage.error, request, deadlineMs);
      }
    } finally {
      gate.leave();
    }
  }

  private async tryOnce<Result>(
    { lane, signal, keepMemory }: AdmissionRequest,
    deadlineMs: number,
    work: (admitted: Admitted) => Promise<Result>,
  ): Promise<Shortage | { readonly result: Result }> {
    const { clock } = this.options;
    const memory = this.pool.open(lane === "rules");
    const timeoutMs = deadlineMs - clock.monotonicMs();
    let isKept = false;
    try {
      const pacer = new Pacer({ clock, timeoutMs, signal, lane, memory, turns: this.turns });
      const result = await work({ pacer, memory });
      isKept = keepMemory !== undefined;
      keepMemory?.(() => memory.release());
      return { result };
    } catch (error) {
      if (error instanceof QueryMemoryError && error.isPassing) return new Shortage(error);
      throw error;
    } finally {
      if (!isKept) memory.release();
    }
  }

  private async waitForMemory(
    error: QueryMemoryError,
    request: AdmissionRequest,
    deadlineMs: number,
  ): Promise<void> {
    while (!this.pool.hasRoomFor(error.neededBytes)) {
      const { released, forget } = this.pool.afterRelease();
      const waiting = { done: released, forget };
      await this.waitFor(waiting, request, deadlineMs, () => error);
    }
  }

  private async waitFor(
    { done, forget }: { readonly done: Promise<void>; readonly forget: () => void },
    { signal }: AdmissionRequest,
    deadlineMs: number,
    timeoutError: () => Error,
  ): Promise<void> {
    const { clock } = this.options;
    const ended = new AbortController();
    const stop = signal === undefined ? ended.signal : AbortSignal.any([ended.signal, signal]);
    const timeout = clock.sleep(Math.max(0, deadlineMs - clock.monotonicMs()), stop).then(
      () => "timeout",
      () => "aborted",
    );
    const winner = await Promise.race([done.then(() => "done"), timeout]);
    ended.abort();
    if (winner === "done") return;
    forget();
    this.rejected++;
    if (signal?.aborted === true) {
      const cause = abortReasonOf(signal);
      throw new QueryCanceledError("query was canceled in query queue", { cause });
    }
    throw timeoutError();
  }
}

class Shortage {
  constructor(readonly error: QueryMemoryError) {}
}

const queueTimeout = (): Error => new QueryTimeoutError("query timed out in query queue");

/** A bound on what runs at once. Others wait in order. */
class Gate {
  running = 0;
  private readonly waiting = new Set<() => void>();

  constructor(private readonly limit: number) {}

  get waitingCount(): number {
    return this.waiting.size;
  }

  tryEnter(): boolean {
    if (this.running >= this.limit) return false;
    this.running++;
    return true;
  }

  enter(): { readonly done: Promise<void>; readonly forget: () => void } {
    let admit = (): void => undefined;
    let isAdmitted = false;
    const done = new Promise<void>((resolve) => {
      admit = () => {
        isAdmitted = true;
        resolve();
      };
    });
    this.waiting.add(admit);
    const forget = (): void => {
      this.waiting.delete(admit);
      // Admitted in the moment in which it gave up.
      if (isAdmitted) this.leave();
    };
    return { done, forget };
  }

  leave(): void {
    const [next] = this.waiting;
    if (next === undefined) this.running--;
    else {
      this.waiting.delete(next);
      next();
    }
  }
}
