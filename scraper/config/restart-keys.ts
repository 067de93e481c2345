import type { ScraperConfig } from "./config.js";

/** Keys that are read at the start only, and their values. */
const RESTART_KEYS: Readonly<Record<string, (config: ScraperConfig) => unknown>> = {
  "global.external_labels": ({ global }) => global.externalLabels.key,
  "rules.missing_data": ({ rules }) => rules.missingData,
  backfill: ({ backfill }) => backfill,
  fleet: ({ fleet }) => fleet,
  host_logs: ({ hostLogs }) => hostLogs,
  log: ({ log }) => log,
  pools: ({ pools }) => pools,
  query: ({ query }) => query,
  storage: ({ storage }) => storage,
  web: ({ web }) => web,
};

/** The changed keys that a reload does not apply: the program has to be restarted for them. */
export function keysThatNeedRestart(before: ScraperConfig, after: ScraperConfig): string[] {
  return Object.entries(RESTART_KEYS)
    .filter(([, valueOf]) => JSON.stringify(valueOf(before)) !== JSON.stringify(valueOf(after)))
    .map(([key]) => key);
}
