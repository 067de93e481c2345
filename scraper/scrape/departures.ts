import type { Clock } from "../../exporter/shared/platform/clock.js";
import { WakeableSleep } from "../../exporter/shared/platform/wakeable-sleep.js";
import { DueHeap } from "../base/due-heap.js";
import type { TargetRows } from "./target-rows.js";

interface Departure {
  readonly tableKey: string;
  readonly rows: TargetRows;
  readonly nominalMs: number;
}

/**
 * Removed targets whose series have not ended yet. A series ends at the time of the next scrape
 * that would have taken place, as in Prometheus. A target that writes the same series and is added
 * before that time continues them.
 *
 * One loop waits for the earliest end.
 */
export class Departures {
  private readonly byTable = new Map<string, Departure>();
  private readonly heap = new DueHeap<Departure>();
  private readonly stopping = new AbortController();
  private readonly sleep: WakeableSleep;
  private loop: Promise<void> = Promise.resolve();

  constructor(private readonly clock: Clock) {
    this.sleep = new WakeableSleep(clock, this.stopping.signal);
  }

  start(): void {
    this.loop = this.run();
  }

  /**
   * Targets that are still waiting get no staleness markers, because they may be present after the
   * restart.
   */
  async stop(): Promise<void> {
    this.stopping.abort(new Error("Departures stopped"));
    await this.loop;
  }

  add(departure: Departure): void {
    this.byTable.set(departure.tableKey, departure);
    this.heap.push(this.clock.monotonicMs() + departure.nominalMs - this.clock.wallMs(), departure);
    this.sleep.wake();
  }

  /**
   * @returns the rows of the removed target that wrote to this table; they belong to the caller now
   */
  takeBack(tableKey: string): TargetRows | undefined {
    const rows = this.byTable.get(tableKey)?.rows;
    this.byTable.delete(tableKey);
    return rows;
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      await this.sleep.sleepUntil(this.heap.first?.atMs);
      if (!signal.aborted) this.endDue();
    }
  }

  private endDue(): void {
    const nowMs = this.clock.monotonicMs();
    while ((this.heap.first?.atMs ?? Number.POSITIVE_INFINITY) <= nowMs) {
      const departure = this.heap.pop();
      if (departure === undefined || this.byTable.get(departure.tableKey) !== departure) continue;
      this.byTable.delete(departure.tableKey);
      departure.rows.writeEnd(departure.nominalMs);
    }
  }
}
