import assert from "node:assert/strict";
import { test } from "node:test";
import { createLogger } from "../../../exporter/shared/platform/logger.js";
import { BackfillCounters } from "../../../scraper/backfill/backfill-metrics.js";
import { ClosedGaps } from "../../../scraper/backfill/closed-gaps.js";
import type { Gap } from "../../../scraper/backfill/gap.js";
import { TargetGaps } from "../../../scraper/backfill/target-gaps.js";
import { settings, target } from "../scrape/scrape-fixture.js";

const START_MS = Date.UTC(2026, 0, 12, 15);
const MINUTE_MS = 60_000;

const gap = (fromMinute: number, untilMinute: number, rest: Pick<Gap, "cause" | "state">): Gap => ({
  fromMs: START_MS + fromMinute * MINUTE_MS,
  untilMs: START_MS + untilMinute * MINUTE_MS,
  ...rest,
});
const FILLED = { cause: "link_down", state: "filled" } as const;
const LOST = { cause: "node_off", state: "lost" } as const;
const WHERE = "host=10.0.0.7 instance=10.0.0.7:8732";

for (const { name, gaps, lines } of [
  {
    name: "filled",
    gaps: [gap(0, 10, FILLED)],
    lines: [
      `<6>level=info msg="Gap filled" ${WHERE} cause=link_down length=10m from=2026-01-12T15:00:00.000Z until=2026-01-12T15:10:00.000Z`,
    ],
  },
  {
    name: "lost",
    gaps: [gap(0, 90, LOST)],
    lines: [
      `<4>level=warn msg="Gap lost" ${WHERE} cause=node_off length=1h30m from=2026-01-12T15:00:00.000Z until=2026-01-12T16:30:00.000Z`,
    ],
  },
  {
    name: "many ranges of one kind are one line, with the length of all",
    gaps: [gap(0, 1, FILLED), gap(10, 12, LOST), gap(20, 23, FILLED)],
    lines: [
      `<6>level=info msg="Gap filled" ${WHERE} cause=link_down length=4m from=2026-01-12T15:00:00.000Z until=2026-01-12T15:23:00.000Z`,
      `<4>level=warn msg="Gap lost" ${WHERE} cause=node_off length=2m from=2026-01-12T15:10:00.000Z until=2026-01-12T15:12:00.000Z`,
    ],
  },
  { name: "nothing", gaps: [], lines: [] },
]) {
  test(`A closed gap is logged for what it is: ${name}`, () => {
    const written: string[] = [];
    const log = createLogger({
      level: "info",
      wallMs: () => 0,
      write: (line) => written.push(line),
      journald: true,
    });
    const closed = new ClosedGaps(new BackfillCounters(), log);
    const watched = {
      target: target("10.0.0.7", settings({})),
      gaps: new TargetGaps(),
      isNew: false,
      knownSinceMs: 0,
    };
    closed.add(watched, gaps);
    closed.report();
    assert.deepEqual(written, lines);
    closed.report();
    assert.equal(written.length, lines.length, "each gap is logged once");
  });
}
