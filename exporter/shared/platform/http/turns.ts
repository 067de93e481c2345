/** Most tasks that start in one turn of the event loop. */
const MAX_TASKS_PER_TURN = 64;
/** No further task starts in a turn after this time. */
const MAX_TURN_MS = 10;

/** The time and the event loop; tests replace them. */
export interface TurnTools {
  readonly monotonicMs: () => number;
  /** Calls back in the next turn of the event loop, after waiting sockets and timers. */
  readonly nextTurn: (callback: () => void) => void;
}

const REAL_TOOLS: TurnTools = {
  monotonicMs: () => performance.now(),
  nextTurn: (callback) => void setImmediate(callback),
};

/**
 * Runs short tasks of many peers: at once while the turn of the event loop has room, otherwise in a
 * later turn. Peers take turns, so a peer with a thousand tasks delays another peer by one task.
 */
export class Turns {
  /** The tasks that wait, by peer. The peer that is due next comes first. */
  private readonly waiting = new Map<string, (() => void)[]>();
  private started = 0;
  private untilMs = 0;
  private isInTask = false;

  constructor(private readonly tools: TurnTools = REAL_TOOLS) {}

  /** Runs a task, now or later; always later when a task calls this. A task must not throw. */
  run(peer: string, task: () => void): void {
    if (!this.isInTask && this.waiting.size === 0 && this.hasRoom()) {
      this.start(task);
      return;
    }
    const tasks = this.waiting.get(peer);
    if (tasks === undefined) this.waiting.set(peer, [task]);
    else tasks.push(task);
  }

  private hasRoom(): boolean {
    if (this.started === 0) {
      this.untilMs = this.tools.monotonicMs() + MAX_TURN_MS;
      this.tools.nextTurn(() => this.begin());
      return true;
    }
    return this.started < MAX_TASKS_PER_TURN && this.tools.monotonicMs() < this.untilMs;
  }

  private start(task: () => void): void {
    this.started++;
    this.isInTask = true;
    try {
      task();
    } finally {
      this.isInTask = false;
    }
  }

  private begin(): void {
    this.started = 0;
    for (const [peer, tasks] of this.waiting) {
      if (!this.hasRoom()) return;
      this.waiting.delete(peer);
      const task = tasks.shift();
      if (tasks.length > 0) this.waiting.set(peer, tasks); // At the end: the other peers come first.
      if (task !== undefined) this.start(task);
    }
  }
}
