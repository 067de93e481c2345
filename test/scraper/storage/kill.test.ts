import { test } from "node:test";
import { runKills } from "./kill-runs.js";

/** `npm run soak -- kills` does ten times as many. */
const KILLS = 100;
const LANES = 2;

test(`after kill -9 at ${KILLS} moments every start succeeds, nothing durable is lost and nothing appears twice`, async () => {
  const lanes = Array.from({ length: LANES }, (_, lane) => lane + 1);
  await Promise.all(lanes.map((seed) => runKills({ kills: KILLS / LANES, seed })));
});
