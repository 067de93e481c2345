/**
 * Memory and swap, and the dynamic average of the used ratio.
 *
 * Source: /proc/meminfo, in KiB. Used is total minus available, so caches do not count.
 */
import { BrokenSourceError } from "../sources/broken-source-error.js";
import type { Sources } from "../sources/sources.js";
import { gauge } from "../shared/model/metric.js";
import { ALARM_LEVEL, alarmLevelSample } from "./alarm-level.js";
import type { CollectorSettings } from "./collector-settings.js";
import type { Collector } from "./collector.js";

export const TOTAL = gauge({
  name: "pihealth_memory_total_bytes",
  help: "Memory managed by the kernel, in bytes.",
});
export const FREE = gauge({
  name: "pihealth_memory_free_bytes",
  help: "Memory that is not used at all, not even by a cache, in bytes.",
});
export const AVAILABLE = gauge({
  name: "pihealth_memory_available_bytes",
  help: "Memory available to programs without swapping, in bytes.",
});
export const USED_RATIO = gauge({
  name: "pihealth_memory_used_ratio",
  help: "Share of memory that is not available to programs, from 0 to 1.",
});
export const USED_RATIO_AVERAGE = gauge({
  name: "pihealth_memory_used_ratio_average",
  help: "Dynamic average of the used ratio, from 0 to 1: 0.3 of the previous average plus 0.7 of the current ratio.",
});
export const SWAP_TOTAL = gauge({
  name: "pihealth_memory_swap_total_bytes",
  help: "Swap space in bytes.",
});
export const SWAP_FREE = gauge({
  name: "pihealth_memory_swap_free_bytes",
  help: "Unused swap space in bytes.",
});

const PREVIOUS_WEIGHT = 0.3;
const CURRENT_WEIGHT = 0.7;

export function createMemoryCollector(
  { procfs }: Sources,
  { memory }: CollectorSettings,
): Collector {
  let average: number | undefined;
  return {
    name: "memory",
    metrics: [
      TOTAL,
      FREE,
      AVAILABLE,
      USED_RATIO,
      USED_RATIO_AVERAGE,
      SWAP_TOTAL,
      SWAP_FREE,
      ALARM_LEVEL,
    ],
    async collect() {
      const info = parseMemoryInfo(await procfs.readText("meminfo"));
      const usedRatio = (info.total - info.available) / info.total;
      average =
        average === undefined ? usedRatio : PREVIOUS_WEIGHT * average + CURRENT_WEIGHT * usedRatio;
      return [
        TOTAL.sample(info.total),
        FREE.sample(info.free),
        AVAILABLE.sample(info.available),
        USED_RATIO.sample(usedRatio),
        USED_RATIO_AVERAGE.sample(average),
        SWAP_TOTAL.sample(info.swapTotal),
        ...(info.swapFree === undefined ? [] : [SWAP_FREE.sample(info.swapFree)]),
        alarmLevelSample("memory", usedRatio, memory),
      ];
    },
  };
}

interface MemoryInfo {
  readonly total: number;
  readonly free: number;
  readonly available: number;
  readonly swapTotal: number;
  /** Undefined when the kernel says more than there is. */
  readonly swapFree: number | undefined;
}

/** @returns bytes */
export function parseMemoryInfo(text: string): MemoryInfo {
  const bytes = (key: string): number | undefined => bytesOf(text, key);
  const [total, free] = [bytes("MemTotal"), bytes("MemFree")];
  if (total === undefined || total === 0 || free === undefined) {
    throw new BrokenSourceError(
      "/proc/meminfo",
      "MemTotal or MemFree is missing, both must be there",
    );
  }
  if (free > total) {
    throw new BrokenSourceError(
      "/proc/meminfo",
      `MemFree is ${free} bytes, it must be at most MemTotal (${total})`,
    );
  }
  const swapTotal = bytes("SwapTotal") ?? 0;
  const swapFree = bytes("SwapFree") ?? 0;
  return {
    total,
    free,
    available: availableOf(bytes, { total, free }),
    swapTotal,
    swapFree: swapFree <= swapTotal ? swapFree : undefined,
  };
}

/**
 * Kernels before 3.14 do not provide the estimate, and some containers show that of their host. The
 * sum of free memory and caches then stands for it; shared memory is counted among the caches and
 * can be more than they are.
 */
function availableOf(
  bytes: (key: string) => number | undefined,
  { total, free }: { total: number; free: number },
): number {
  const available = bytes("MemAvailable");
  if (available !== undefined && available <= total) return available;
  // Counts below zero are written as numbers far above the total.
  const part = (key: string): number => {
    const value = bytes(key) ?? 0;
    return value <= total ? value : 0;
  };
  const estimate = free + part("Buffers") + part("Cached") - (bytes("Shmem") ?? 0);
  return Math.min(total, Math.max(free, estimate));
}

/** Reads a line such as `MemFree:  1234 kB`. */
function bytesOf(text: string, key: string): number | undefined {
  const line = text.startsWith(`${key}:`) ? 0 : text.indexOf(`\n${key}:`) + 1;
  if (line === 0 && !text.startsWith(`${key}:`)) return undefined;
  const begin = line + key.length + 1;
  const end = text.indexOf(" kB", begin);
  if (end < 0) return undefined;
  const digits = text.slice(begin, end).trim();
  return /^\d+$/.test(digits) ? Number(digits) * 1024 : undefined;
}
