import { messageOf } from "../model/errors.js";
import type { Logger } from "./logger.js";

type Stop = () => Promise<void> | void;

/** Stops the parts of a program in the reverse order of their start. */
export class StopStack {
  private readonly parts: { readonly name: string; readonly stop: Stop }[] = [];
  private stopping: Promise<void> | undefined;

  constructor(private readonly log: Logger) {}

  /**
   * Adds a part that has just started. A part whose start may fail half-way is added before its
   * start; its `stop` then has to work from any point.
   *
   * @param name names the part in the log
   */
  push(name: string, stop: Stop): void {
    this.parts.push({ name, stop });
  }

  /**
   * Stops every part once, the last one first. A part that fails is logged and does not keep the
   * others from stopping.
   *
   * @throws {Error} the failure, or an `AggregateError` of several, after all have stopped
   */
  stopAll(): Promise<void> {
    return (this.stopping ??= this.stopEach());
  }

  private async stopEach(): Promise<void> {
    const failures: unknown[] = [];
    for (const { name, stop } of this.parts.toReversed()) {
      try {
        await stop();
      } catch (error) {
        this.log.error(`Cannot stop ${name}`, { error: messageOf(error) });
        failures.push(error);
      }
    }
    if (failures.length > 1) throw new AggregateError(failures, "Cannot stop several parts");
    if (failures.length === 1) throw failures[0];
  }
}

/**
 * Runs `start` with a new stack. When it fails, stops the parts that it has started and throws its
 * error.
 */
export async function startWithStack<Program>(
  log: Logger,
  start: (stack: StopStack) => Promise<Program>,
): Promise<Program> {
  const stack = new StopStack(log);
  try {
    return await start(stack);
  } catch (error) {
    await stack.stopAll().catch(() => undefined); // Logged; the error of the start says more.
    throw error;
  }
}
