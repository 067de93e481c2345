import { runKills } from "../scraper/storage/kill-runs.js";

const KILLS = 1000;
const LANES = 2;
const TELL_EVERY = 100;

/** Kills the storage with SIGKILL a thousand times. Takes about two minutes. */
export async function soakKills({ seed }: { readonly seed: number }): Promise<string> {
  const onKill = (done: number): void => {
    if (done % TELL_EVERY === 0) console.log(`kills: ${done} of ${KILLS / LANES} in this lane`);
  };
  const lanes = Array.from({ length: LANES }, (_, lane) =>
    runKills({ kills: KILLS / LANES, seed: seed + lane, onKill }),
  );
  const reports = await Promise.all(lanes);
  const rows = reports.reduce((sum, report) => sum + report.rows, 0);
  return `${KILLS} kills, ${rows} rows, every durable one there once`;
}
