import path from "node:path";
import type { ExporterConfig } from "../config/config.js";
import { runSamples } from "../exposition/collector-states.js";
import { History, type HistoryParts } from "../history/history.js";
import type { Sampling } from "../sampling/sampling-loop.js";
import type { HistoryLink } from "./uplink-wiring.js";

/** The history's folder inside the state folder. */
export const HISTORY_FOLDER = "history";

/** @returns undefined when the history is switched off */
export async function openHistory(
  { history: settings, stateFolder }: ExporterConfig,
  parts: Omit<HistoryParts, "folder" | "settings">,
): Promise<History | undefined> {
  if (!settings.enabled) return undefined;
  return History.open({ ...parts, settings, folder: path.join(stateFolder, HISTORY_FOLDER) });
}

/**
 * Records what a scrape right after the run would have shown: the same samples, under the same
 * names, with the time from which on a scrape would have shown them. With the time of measurement
 * instead, a value measured before a scrape and finished after it would be placed before an older
 * one.
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
