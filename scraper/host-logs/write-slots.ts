/** Lets a bounded number of writes go on at once; the others wait in the order in which they came. */
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

  /** Hands the slot on, without moving the whole queue for each. */
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
