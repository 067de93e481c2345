import type { Labels } from "../../../exporter/shared/model/labels.js";

/** An alert that fired while nobody could see it, as the samples show that were fetched later. */
export interface PastAlert {
  /** With `alertname` and the external labels. */
  readonly labels: Labels;
  /** As they were at the worst value. */
  readonly annotations: Labels;
  readonly generatorUrl: string;
  /**
   * Since when its expression held, and since when it fired: of the first time, when it fired more
   * than once.
   */
  readonly activeAtMs: number;
  readonly firedAtMs: number;
  /** Of the last time; undefined: it fires still. */
  readonly endedAtMs: number | undefined;
  readonly times: number;
  /** The highest value of its expression; the lowest where too little is what it tells of. */
  readonly worst: number;
}

/** What happened while the master was away, or the link to its hosts. */
export interface OutageSummary {
  /** The same after a restart: nobody is told twice. */
  readonly id: string;
  readonly fromMs: number;
  readonly untilMs: number;
  readonly away: "master" | "link" | "master or the link";
  readonly alerts: readonly PastAlert[];
  /** Alerts beyond those that could be kept. */
  readonly omitted: number;
}
