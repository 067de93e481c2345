import assert from "node:assert/strict";
import { test } from "node:test";
import { Labels } from "../../../../exporter/shared/model/labels.js";
import { isStaleAt, bitsOf } from "../../../../exporter/shared/model/special-values.js";
import { TimeSlices } from "../../../../exporter/shared/platform/time-slices.js";
import {
  openGroupTable,
  RowMemory,
  RuleRow,
} from "../../../../scraper/rule-engine/evaluation/rule-row.js";
import type { Layout, SampleWriter } from "../../../../scraper/storage/model/sample-writer.js";
import { FakeClock } from "../../../support/fake-clock.js";

/** A storage that counts label sets looked up, and keeps rows as text. */
class CountingWriter implements SampleWriter {
  lookedUp = 0;
  readonly rows: string[] = [];
  readonly folders: string[] = [];
  private layouts = 0;

  internLayout(series: readonly Labels[]): Layout {
    this.lookedUp += series.length;
    return { id: ++this.layouts, series };
  }

  internLayoutInSlices(series: readonly Labels[]): Promise<Layout> {
    return Promise.resolve(this.internLayout(series));
  }

  holdLayouts(): () => void {
    return () => undefined;
  }

  openTable({ folder }: { folder: string }) {
    this.folders.push(folder);
    return {
      append: (timestampMs: number, { series }: Layout, values: Float64Array) => {
        const bits = bitsOf(values);
        const cells = series.map(
          ({ name }, column) => `${name}=${isStaleAt(bits, column) ? "stale" : values[column]}`,
        );
        this.rows.push(`${timestampMs}: ${cells.join(" ")}`);
        return "appended" as const;
      },
      appendStamped: () => 0,
      prepare: () => Promise.resolve(),
    };
  }

  commit(): Promise<void> {
    return Promise.resolve();
  }
}

const labels = (name: string): Labels => Labels.of({ __name__: name });
const slices = (): TimeSlices => new TimeSlices(new FakeClock());
const KEY = "rules.yml;group";

test("each group has a table of its own", () => {
  const writer = new CountingWriter();
  for (const key of ["a.yml;g", "b.yml;g", "a.yml;g"]) openGroupTable(writer, key);
  const [first, second, again] = writer.folders;
  assert.equal(first, again);
  assert.notEqual(first, second);
});

test("label sets are looked up when the series of a group change, not at each evaluation", async () => {
  const writer = new CountingWriter();
  const memory = new RowMemory();
  const series = Array.from({ length: 500 }, (_, index) => labels(`s${index}`));
  const evaluate = async (timeMs: number, of: readonly Labels[]): Promise<number> => {
    const before = writer.lookedUp;
    const row = new RuleRow(writer, openGroupTable(writer, KEY), timeMs, memory);
    for (const each of of) assert.equal(row.add({ labels: each, value: timeMs }), 0);
    await row.flush(slices());
    return writer.lookedUp - before;
  };
  assert.equal(await evaluate(1, series), 500);
  for (let timeMs = 2; timeMs < 50; timeMs++) assert.equal(await evaluate(timeMs, series), 0);
  assert.equal(await evaluate(50, series.slice(0, 400)), 400);
  assert.equal(await evaluate(51, series.slice(0, 400)), 0);
  assert.equal(await evaluate(52, series), 500);
});

test("duplicates, ended series and several rows of an evaluation are the same with a memory", async () => {
  const run = async (memory: () => RowMemory): Promise<string[]> => {
    const writer = new CountingWriter();
    const [a, b, c] = [labels("a"), labels("b"), labels("c")];
    const turns: (readonly [readonly Labels[], readonly Labels[]])[] = [
      [[a, b], [c]],
      [[a, b], [c]],
      [[a, a, b], [c]],
      [[b], [c, a]],
      [[a, b], [c]],
      [[], [c]],
      [[a, b], [c]],
    ];
    for (const [index, [first, second]] of turns.entries()) {
      const row = new RuleRow(writer, openGroupTable(writer, KEY), index, memory());
      const dropped = first.reduce(
        (sum, each, at) => sum + row.add({ labels: each, value: at }),
        0,
      );
      if (first.length === 1) row.end(a);
      await row.flush(slices());
      for (const each of second) row.add({ labels: each, value: dropped });
      if (first.length === 1) row.end(b);
      await row.flush(slices());
    }
    return writer.rows;
  };
  const shared = new RowMemory();
  const rows = await run(() => shared);
  assert.deepEqual(rows, await run(() => new RowMemory()));
  assert.deepEqual(rows.slice(4, 8), [
    "2: a=0 b=2",
    "2: c=1",
    "3: b=0 a=stale",
    "3: c=0 a=0 b=stale",
  ]);
});
