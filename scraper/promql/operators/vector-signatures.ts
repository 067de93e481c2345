import { compareStrings, type LabelPair } from "../../../exporter/shared/model/labels.js";
import {
  METADATA_LABELS,
  WORK_PER_KEY,
  keyOf,
  pairsWith,
  pairsWithout,
} from "../evaluation/label-keys.js";
import type { VectorMatching } from "../language/ast.js";
import type { Pacer } from "../evaluation/pacer.js";
import type { VectorBlock } from "../evaluation/vector-block.js";

/**
 * Numbers the match groups of two vectors: rows with the same number have the same matching labels.
 */
export class Signatures {
  private readonly numbers = new Map<string, number>();
  private readonly keyOfRow: (pairs: readonly LabelPair[]) => string;

  constructor({ on, labels }: VectorMatching) {
    const select = on
      ? pairsWith([...new Set(labels)].sort(compareStrings))
      : pairsWithout([...labels, ...METADATA_LABELS]);
    this.keyOfRow = (pairs) => keyOf(select(pairs));
  }

  get count(): number {
    return this.numbers.size;
  }

  /** The match group of every row. */
  async numberRows({ labels }: VectorBlock, pacer: Pacer): Promise<Int32Array> {
    const groups = new Int32Array(labels.length);
    for (const [row, { pairs }] of labels.entries()) {
      const key = this.keyOfRow(pairs);
      let number = this.numbers.get(key);
      if (number === undefined) this.numbers.set(key, (number = this.numbers.size));
      groups[row] = number;
      if (pacer.isDue(WORK_PER_KEY)) await pacer.pause();
    }
    return groups;
  }
}
