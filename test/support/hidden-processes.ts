/**
 * Prints how many sessions and processes a user finds who sees no processes of other users, as JSON.
 * Run as a program in namespaces of its own, as an ordinary user: `hidden-processes.js ROOT`, where
 * ROOT has a utmp with one session of process 1.
 */
import { DEFAULT_COLLECTOR_SETTINGS } from "../../exporter/collectors/collector-settings.js";
import type { Collector } from "../../exporter/collectors/collector.js";
import { createProcessesCollector } from "../../exporter/collectors/processes.js";
import { createUsersCollector } from "../../exporter/collectors/users.js";
import { messageOf } from "../../exporter/shared/model/errors.js";
import { systemClock } from "../../exporter/shared/platform/clock.js";
import { realFiles } from "../../exporter/shared/platform/real-files.js";
import { createSources } from "../../exporter/sources/sources.js";

const [rootfs = ""] = process.argv.slice(2);
const sources = createSources({
  clock: systemClock,
  files: realFiles,
  paths: { procfs: "/proc", sysfs: "/sys", rootfs },
});

/** The value of a metric, or the message of the failure. */
async function valueOf(collector: Collector, name: string): Promise<number | string | undefined> {
  try {
    const samples = await collector.collect(new AbortController().signal);
    return samples.find(({ metric }) => metric.name === name)?.value;
  } catch (error) {
    return messageOf(error);
  }
}

const sessions = await valueOf(createUsersCollector(sources), "pihealth_user_sessions");
const processes = await valueOf(
  createProcessesCollector(sources, DEFAULT_COLLECTOR_SETTINGS),
  "pihealth_processes",
);
process.stdout.write(JSON.stringify({ sessions, processes }));
