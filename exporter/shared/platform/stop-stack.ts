import { messageOf } from "../model/errors.js";
import type { Logger } from "./logger.js";

type Stop = () => Promise<void> | void;

/** Stops the parts of a program in the reverse order of their start. */
export class StopStack {
  private readonly parts: { readonly name: string; readonly stop: Stop }[] = [];
  private stopping: Promise<void> | undefined;

  constructor(private readonly log: Logger) {}

  /**
   * Adds a part that has just started. A part whose start can fail halfway is added before its
   * start; its `stop` must then work in any state.
   *
   * @param name names the part in log messages
   */
  push(name: string, stop: Stop): void {
    this.parts.push({ name, stop });
  }

  /**
   * Stops every part once, in reverse order. A failure is logged and does not keep the other parts
   * from stopping.
   *
   * @throws {Error} the failure, or an `AggregateError` of several, after all parts have stopped
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
 * Runs `start` with a new stack. When `start` fails, stops the parts it has started and rethrows
 * its error.
 */
export async function startWithStack<Program>(
  log: Logger,
  start: (stack: StopStack) => Promise<Program>,
): Promise<Program> {
  const stack = new StopStack(log);
  try {
    return await start(stack);
  } catch (error) {
    await stack.stopAll().catch(() => undefined); // Already logged; the error of the start is more useful.
    throw error;
  }
}
