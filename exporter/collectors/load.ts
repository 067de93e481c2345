/** Load averages. Source: the first three numbers of /proc/loadavg (proc_loadavg(5)). */
import { parseCount } from "../sources/broken-source-error.js";
import type { Sources } from "../sources/sources.js";
import { gauge } from "../shared/model/metric.js";
import type { Collector } from "./collector.js";

const help = (minutes: string): string =>
  `Processes that ran or waited for a disk, average of the last ${minutes}.`;
export const LOAD_1 = gauge({ name: "pihealth_load1", help: help("minute") });
export const LOAD_5 = gauge({ name: "pihealth_load5", help: help("5 minutes") });
export const LOAD_15 = gauge({ name: "pihealth_load15", help: help("15 minutes") });

const METRICS = [LOAD_1, LOAD_5, LOAD_15];

export function createLoadCollector({ procfs }: Sources): Collector {
  return {
    name: "load",
    metrics: METRICS,
    async collect() {
      const values = (await procfs.readText("loadavg")).split(" ");
      return METRICS.map((metric, index) =>
        metric.sample(parseCount(values[index], "/proc/loadavg")),
      );
    },
  };
}
