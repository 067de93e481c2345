/**
 * Runs a bounded number of writes at the same time; the others wait in the order of their calls.
 */
export class WriteSlots {
  private readonly waiting: (() => void)[] = [];
  private next = 0;

  constructor(private free: number) {}

  async run(write: () => Promise<void>): Promise<void> {
    if (this.free > 0) this.free--;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
    try {
      await write();
    } finally {
      this.release();
    }
  }

  /** Passes the slot on, without shifting the whole queue each time. */
  private release(): void {
    const resume = this.waiting[this.next];
    if (resume === undefined) {
      this.free++;
      return;
    }
    this.next++;
    if (this.next > 1000 || this.next === this.waiting.length) {
      this.waiting.splice(0, this.next);
      this.next = 0;
    }
    resume();
  }
}
