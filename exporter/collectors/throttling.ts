/**
 * Under-voltage and throttling of a Raspberry Pi, now and since boot.
 *
 * Source: get_throttled of the firmware (sources/firmware.ts). Firmware and kernel may clear the
 * latched bits when they are read, so a bit that was seen once stays set for as long as this
 * process runs.
 */
import { BrokenSourceError } from "../sources/broken-source-error.js";
import { findThrottlingFile, parseThrottling, THROTTLE_REASONS } from "../sources/firmware.js";
import type { Sources } from "../sources/sources.js";
import { gauge, type MetricDefinition, type Sample } from "../shared/model/metric.js";
import { NoDataError, type Collector } from "./collector.js";

export const THROTTLING = gauge({
  name: "pihealth_throttling",
  help: "1 while the firmware throttles the Pi for this reason, else 0.",
  labels: ["reason"],
});
export const THROTTLING_SINCE_BOOT = gauge({
  name: "pihealth_throttling_since_boot",
  help: "1 when the firmware has throttled the Pi for this reason since boot, else 0.",
  labels: ["reason"],
});

/**
 * Interval at which a machine without the firmware is checked again, because a driver may be loaded
 * late.
 */
const SEARCH_INTERVAL_MS = 600_000;

export function createThrottlingCollector({ sysfs, clock }: Sources): Collector {
  let file: string | undefined;
  let searchedAtMs: number | undefined;
  let seen = 0;
  return {
    name: "throttling",
    metrics: [THROTTLING, THROTTLING_SINCE_BOOT],
    async collect() {
      const nowMs = clock.monotonicMs();
      const isSearched = searchedAtMs !== undefined && nowMs - searchedAtMs < SEARCH_INTERVAL_MS;
      if (file === undefined && !isSearched) {
        file = await findThrottlingFile(sysfs);
        searchedAtMs = nowMs;
      }
      if (file === undefined)
        throw new NoDataError("Cannot read throttling: this machine has no Raspberry Pi firmware");
      const text = await sysfs.readText(file);
      const bits = parseThrottling(text);
      if (bits === undefined) {
        throw new BrokenSourceError(
          `/sys/${file}`,
          `it holds ${JSON.stringify(text.slice(0, 40))}, it must hold a hexadecimal number`,
        );
      }
      seen |= bits.now | bits.sinceBoot;
      return [
        ...reasonSamples(THROTTLING, bits.now),
        ...reasonSamples(THROTTLING_SINCE_BOOT, seen),
      ];
    },
  };
}

function reasonSamples(metric: MetricDefinition<"reason">, bits: number): Sample[] {
  return THROTTLE_REASONS.map((reason, index) => metric.sample((bits >> index) & 1, { reason }));
}
