import type { Labels } from "../../exporter/shared/model/labels.js";
import { type ConnectionSettings, DIRECT_CONNECTION } from "../http-client/http-client-agent.js";
import { NO_RELABELING, type Relabeling } from "./relabeling.js";

/** Settings of one `scrape_configs` entry that the scrape loop needs, in internal units. */
export interface ScrapeSettings {
  readonly jobName: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly honorLabels: boolean;
  readonly honorTimestamps: boolean;
  /** Largest body after decompression; 0 means only the built-in limit (`MAX_BODY_BYTES`). */
  readonly bodySizeLimitBytes: number;
  /** For this and the following three limits, 0 means no limit. */
  readonly sampleLimit: number;
  readonly labelLimit: number;
  readonly labelNameLengthLimit: number;
  readonly labelValueLengthLimit: number;
  /** The header Accept; undefined: the built-in one. */
  readonly accept: string | undefined;
  /** Format of a body whose content type says none; undefined: the text format. */
  readonly fallbackFormat: "text" | "openmetrics" | undefined;
  readonly usesCompression: boolean;
  readonly metricRelabeling: Relabeling;
  /** Added to every request: `Authorization` and the like. */
  readonly headers: Readonly<Record<string, string>>;
  readonly connection: ConnectionSettings;
  readonly followsRedirects: boolean;
}

/** The settings of an entry that sets nothing. */
export const DEFAULT_SCRAPE_SETTINGS: ScrapeSettings = {
  jobName: "",
  intervalMs: 15_000,
  timeoutMs: 10_000,
  honorLabels: false,
  honorTimestamps: true,
  bodySizeLimitBytes: 0,
  sampleLimit: 0,
  labelLimit: 0,
  labelNameLengthLimit: 0,
  labelValueLengthLimit: 0,
  accept: undefined,
  fallbackFormat: undefined,
  usesCompression: true,
  metricRelabeling: NO_RELABELING,
  headers: {},
  connection: DIRECT_CONNECTION,
  followsRedirects: true,
};

/** One exporter endpoint the master scrapes. */
export interface Target {
  /** Job name, final labels and URL as one text. Equal ids are the same target. */
  readonly id: string;
  readonly url: string;
  /** Host part of the address: an IP address, or a name if the configuration has a name. */
  readonly host: string;
  readonly port: number;
  /** After relabelling, without labels that start with `__`. */
  readonly labels: Labels;
  /** Before relabelling. */
  readonly discoveredLabels: Labels;
  readonly settings: ScrapeSettings;
}

/** Result of the last scrape of a target, for `/api/v1/targets` and the slow lane. */
export interface TargetHealth {
  readonly health: "unknown" | "up" | "down";
  /** Empty when the last scrape succeeded. */
  readonly lastError: string;
  readonly lastScrapeMs: number | undefined;
  readonly lastScrapeDurationSeconds: number;
  /** Scrape pool 0 to 4, or `slow` for the slow lane. */
  readonly pool: number | "slow";
}
