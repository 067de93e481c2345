/**
 * Facts about this machine, its boot time, and whether its clock is synchronised.
 *
 * Sources: /proc/sys/kernel, /proc/uptime, /proc/stat (btime), /etc/os-release, the device tree,
 * and the mark of systemd-timesyncd for a synchronised clock. The systeminformation package
 * provides facts that these lack.
 */
import { parseCount } from "../sources/broken-source-error.js";
import { parseEnvironmentFile } from "../sources/environment-file.js";
import { readFact, type FileTree } from "../sources/file-tree.js";
import { readBoard } from "../sources/firmware.js";
import type { Sources } from "../sources/sources.js";
import { gauge, type Sample } from "../shared/model/metric.js";
import type { Collector } from "./collector.js";

export const INFO = gauge({
  name: "pihealth_system_info",
  help: "Facts about this machine in labels; always 1.",
  labels: ["hostname", "os", "kernel", "model", "serial", "architecture"],
});
export const BOOT_TIME = gauge({
  name: "pihealth_boot_time_seconds",
  help: "Start time of the kernel in seconds since the Unix epoch, by the current clock.",
});
export const UPTIME = gauge({
  name: "pihealth_uptime_seconds",
  help: "Time since the kernel started, in seconds.",
});
export const CLOCK_SYNCHRONIZED = gauge({
  name: "pihealth_clock_synchronized",
  help: "1 when systemd-timesyncd has set the clock since boot, else 0.",
});

const TIMESYNC = "run/systemd/timesync"; // systemd-timesyncd.service(8), "Files".

/** Interval at which the files of board and distribution are read again. */
const REFRESH_MS = 600_000;

export function createSystemCollector(sources: Sources): Collector {
  const { procfs, clock } = sources;
  let machine: Machine | undefined;
  let readAtMs = 0;
  return {
    name: "system",
    metrics: [INFO, BOOT_TIME, UPTIME, CLOCK_SYNCHRONIZED],
    async collect(signal) {
      if (machine === undefined || clock.monotonicMs() - readAtMs >= REFRESH_MS) {
        machine = await readMachine(sources, signal);
        readAtMs = clock.monotonicMs();
      }
      const uptime = (await procfs.readText("uptime")).split(" ")[0];
      const bootTime = /^btime (\d+)$/m.exec(await procfs.readText("stat"))?.[1];
      return [
        INFO.sample(1, await infoLabels(procfs, machine)),
        BOOT_TIME.sample(parseCount(bootTime, "/proc/stat")),
        UPTIME.sample(parseCount(uptime, "/proc/uptime")),
        ...(await clockSamples(sources)),
      ];
    },
  };
}

type Info = Parameters<typeof INFO.sample>[1] & object;
type Machine = Omit<Info, "hostname" | "kernel">;

async function infoLabels(
  procfs: FileTree,
  { os, model, serial, architecture }: Machine,
): Promise<Info> {
  const hostname = (await readFact(procfs, "sys/kernel/hostname")) ?? "";
  const kernel = (await readFact(procfs, "sys/kernel/osrelease")) ?? "";
  return { hostname, kernel, os, model, serial, architecture };
}

async function readMachine(
  { procfs, sysfs, root, systemInformation }: Sources,
  signal: AbortSignal,
): Promise<Machine> {
  const release =
    (await readFact(root, "etc/os-release")) ?? (await readFact(root, "usr/lib/os-release")) ?? "";
  const board = await readBoard({ procfs, sysfs });
  const found = {
    os: parseEnvironmentFile(release).get("PRETTY_NAME"),
    architecture: await readFact(procfs, "sys/kernel/arch"), // Since Linux 6.1.
    model: board.model,
    serial: board.serial,
  };
  const isComplete = Object.values(found).every((value) => value !== undefined);
  const rest = isComplete ? undefined : await systemInformation.facts(signal);
  return {
    os: found.os ?? rest?.os ?? "",
    model: found.model ?? rest?.model ?? "",
    serial: found.serial ?? rest?.serial ?? "",
    architecture: found.architecture ?? rest?.architecture ?? "",
  };
}

async function clockSamples({ root }: Sources): Promise<Sample[]> {
  if (!(await root.exists(TIMESYNC))) return [];
  return [CLOCK_SYNCHRONIZED.sample((await root.exists(`${TIMESYNC}/synchronized`)) ? 1 : 0)];
}
