import type { Sources } from "../sources/sources.js";
import type { Family } from "../shared/model/family.js";
import type { CollectorSettings } from "./collector-settings.js";
import type { Collector } from "./collector.js";
import { createCpuCollector } from "./cpu.js";
import { createDiskIoCollector } from "./disk-io.js";
import { createDiskCollector } from "./disk.js";
import { createLoadCollector } from "./load.js";
import { createMemoryCollector } from "./memory.js";
import { createNetworkCollector } from "./network.js";
import { createProcessesCollector } from "./processes.js";
import { createSoftirqsCollector } from "./softirqs.js";
import { createSystemCollector } from "./system.js";
import { createTemperatureCollector } from "./temperature.js";
import { createThrottlingCollector } from "./throttling.js";
import { createUsersCollector } from "./users.js";

export interface CollectorEntry {
  /** The name in the configuration and in `pihealth_collector_success{collector}`. */
  readonly name: string;
  /** Family whose human line contains its values; undefined when there is none. */
  readonly family: Family | undefined;
  readonly defaultIntervalMs: number;
  /** Longest duration of a collection on a busy Pi. The interval should not be shorter. */
  readonly deadlineMs: number;
  readonly enabledByDefault: boolean;
  readonly create: (sources: Sources, settings: CollectorSettings) => Collector;
}

const USUAL_DEADLINE_MS = 4000;

/** All collectors, in the order of `/metrics`. */
export const COLLECTORS: readonly CollectorEntry[] = [
  entry("memory", "memory", 5, createMemoryCollector),
  entry("cpu", "cpu", 5, createCpuCollector),
  entry("load", "cpu", 5, createLoadCollector),
  entry("temperature", "cpu", 5, createTemperatureCollector),
  entry("softirqs", "cpu", 15, createSoftirqsCollector),
  entry("disk", "disk", 60, createDiskCollector, { deadlineMs: 10_000 }),
  entry("disk_io", "disk", 15, createDiskIoCollector),
  entry("network", undefined, 15, createNetworkCollector),
  entry("system", "system", 60, createSystemCollector, { deadlineMs: 20_000 }),
  entry("throttling", "system", 15, createThrottlingCollector),
  entry("users", "users", 60, createUsersCollector, { deadlineMs: 10_000 }),
  entry("processes", "processes", 30, createProcessesCollector, { deadlineMs: 20_000 }),
];

function entry(
  name: string,
  family: Family | undefined,
  intervalSeconds: number,
  create: CollectorEntry["create"],
  { deadlineMs = USUAL_DEADLINE_MS }: { deadlineMs?: number } = {},
): CollectorEntry {
  return {
    name,
    family,
    defaultIntervalMs: intervalSeconds * 1000,
    deadlineMs,
    enabledByDefault: true,
    create,
  };
}
