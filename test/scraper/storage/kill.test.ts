import { test } from "node:test";
import { runKills } from "./kill-runs.js";

/** `npm run soak -- kills` does five times as many. */
const KILLS = 200;
const LANES = 2;

test(`kill -9 at ${KILLS} moments: nothing durable is lost, nothing appears twice, every start succeeds`, async () => {
  const lanes = Array.from({ length: LANES }, (_, lane) => lane + 1);
  await Promise.all(lanes.map((seed) => runKills({ kills: KILLS / LANES, seed })));
});
