import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import path from "node:path";
import { waitFor } from "./child-program.js";
import { countOutage, type OutageCount } from "./outage-count.js";
import { OUTAGE_LENGTHS, countOptions } from "./outage-cell.js";
import { OutageRig } from "./outage-rig.js";

const closedSegments = (rig: OutageRig): number =>
  readdirSync(path.join(rig.folder, "state/history")).filter((name) => name.endsWith(".prom.gz"))
    .length - 1;

/**
 * One of two masters is away for ten minutes. The Pi keeps its history until that master has it,
 * too.
 *
 * @returns the counts of the master that ran, and of the master that was away
 */
export async function runTwoMasters(): Promise<readonly [there: OutageCount, away: OutageCount]> {
  // Scrapes continue all the time, slowly enough that none is late by a sampling.
  const pace = { ...OUTAGE_LENGTHS["10 min"], fast: 20 };
  const rig = await OutageRig.start({ pace, masters: 2, history: "  segment_duration: 1m" });
  try {
    const [there, away] = rig.masters;
    assert.ok(there !== undefined && away !== undefined);
    const fromMs = await away.kill();
    await rig.pass(pace.seconds);
    const kept = closedSegments(rig);
    assert.ok(kept >= 3, `${kept} closed segments are kept for the master that is away`);
    const mendedMs = rig.nowMs;
    away.start();
    await rig.scraped(mendedMs);
    const range = { fromMs, untilMs: rig.nowMs };
    const gaps = await away.settled(range, () => rig.logs());
    const shared = {
      witness: rig.witness,
      history: rig.recorded,
      range,
      ...countOptions(pace, false),
    };
    const counts = [
      await countOutage({
        ...shared,
        master: there,
        gaps: await there.settled(range, () => rig.logs(), 0),
      }),
      await countOutage({ ...shared, master: away, gaps }),
    ] as const;
    await waitFor(
      "segments that both have to be deleted",
      () => (closedSegments(rig) < kept ? true : undefined),
      {
        describe: () => rig.logs(),
      },
    );
    return counts;
  } finally {
    await rig.close();
  }
}

/** The master is away for a day, and the Pi has space for a few hours. */
export async function runOverrun(): Promise<OutageCount> {
  const pace = OUTAGE_LENGTHS["24 h"];
  const history = "  segment_duration: 30m\n  segment_size: 64KiB\n  size: 64KiB";
  const rig = await OutageRig.start({ pace, history });
  try {
    const { master } = rig;
    const fromMs = await master.kill();
    await rig.pass(pace.seconds);
    const mendedMs = rig.nowMs;
    master.start();
    await rig.scraped(mendedMs);
    const range = { fromMs, untilMs: rig.nowMs };
    const gaps = await master.settled(range, () => rig.logs(), 2);
    return await countOutage({
      master,
      range,
      gaps,
      witness: rig.witness,
      history: rig.recorded,
      ...countOptions(pace, false),
    });
  } finally {
    await rig.close();
  }
}
