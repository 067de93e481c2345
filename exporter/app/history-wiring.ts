import path from "node:path";
import type { ExporterConfig } from "../config/config.js";
import { runSamples } from "../exposition/collector-states.js";
import { History, type HistoryParts } from "../history/history.js";
import type { Sampling } from "../sampling/sampling-loop.js";
import type { HistoryLink } from "./uplink-wiring.js";

/** Where the history is inside the state folder. */
export const HISTORY_FOLDER = "history";

/** @returns undefined when the configuration wants none */
export async function openHistory(
  { history: settings, stateFolder }: ExporterConfig,
  parts: Omit<HistoryParts, "folder" | "settings">,
): Promise<History | undefined> {
  if (!settings.enabled) return undefined;
  return History.open({ ...parts, settings, folder: path.join(stateFolder, HISTORY_FOLDER) });
}

/**
 * What a scrape right after the run would have shown of it: no more, under the same names, at the time from which on it
 * showed it. A value that began to be measured before a scrape and ended after it would stand before an older one else.
 */
export function createHistoryListener(history: History): (sampling: Sampling) => void {
  const lastSuccessWallMs = new Map<string, number>();
  return ({ collector, ok, durationMs, wallMs, monotonicMs, samples }) => {
    if (ok) lastSuccessWallMs.set(collector, wallMs);
    const run = { collector, ok, durationMs, lastSuccessWallMs: lastSuccessWallMs.get(collector) };
    const shown = { wallMs: wallMs + durationMs, monotonicMs: monotonicMs + durationMs };
    history.receive({ collector, ...shown, samples: [...samples, ...runSamples(run)] });
  };
}

export function historyLinkOf(history: History): HistoryLink {
  return {
    facts: () => history.range(),
    confirm: (master, durableUntilMs) => history.confirm(master, durableUntilMs),
  };
}
