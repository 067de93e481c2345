import { appendFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { FAMILIES } from "../../exporter/shared/model/family.js";
import { Labels } from "../../exporter/shared/model/labels.js";
import { systemClock, yieldToEventLoop } from "../../exporter/shared/platform/clock.js";
import { realFiles } from "../../exporter/shared/platform/real-files.js";
import { silentLogger } from "../../exporter/shared/platform/logger.js";
import { HostLogs } from "../../scraper/host-logs/host-logs.js";
import type { BenchFigure } from "./figure.js";
import { valueOf } from "../support/metric-values.js";
import { DEFAULT_FILE_NAMES } from "../../scraper/host-logs/host-log-settings.js";
import { memoryInUse } from "./memory-in-use.js";

const SAMPLED = "pihealth_collector_last_success_timestamp_seconds";
const START_SECONDS = 1_768_230_000;
/** Lines of a log that are pending at the stop, the largest number possible. */
const WAITING_SCRAPES = 9;
const RUNNING_SCRAPES = 30;
/** As many responses as arrive between two turns of the event loop of a busy scraper. */
const HOSTS_PER_TURN = 20;
/** Default scrape interval in seconds. */
const DEFAULT_INTERVAL_SECONDS = 15;

/**
 * The series used by human logs, for an exporter with one disk, two file systems and one malicious
 * process.
 */
const NAMES = [
  ...["memory_total_bytes", "memory_free_bytes", "memory_used_ratio", "memory_used_ratio_average"],
  ...["load1", "load5", "load15", "cpu_usage_ratio", "cpu_temperature_celsius", "uptime_seconds"],
  ...["users_real", "user_sessions"],
];
const DISK = { disk: "mmcblk0" };
const ROOT = { device: "mmcblk0p2", fstype: "ext4", mountpoint: "/" };
const BOOT = { device: "mmcblk0p1", fstype: "vfat", mountpoint: "/boot/firmware" };
const PROCESS = { comm: "stress", pid: "4711", user: "pi" };
const LABELLED: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
  ...["disk_size_bytes", "disk_available_bytes", "disk_used_ratio"].map(
    (name) => [name, DISK] as const,
  ),
  ...[ROOT, BOOT].flatMap((labels) => {
    return ["readonly", "size_bytes", "available_bytes", "used_ratio"].map(
      (name) => [`filesystem_${name}`, labels] as const,
    );
  }),
  ...["cpu", "memory"].map((name) => [`malicious_process_${name}_ratio`, PROCESS] as const),
  ...["memory", "cpu", "disk"].map((family) => ["alarm_level", { family }] as const),
  [
    "system_info",
    {
      hostname: "pi",
      os: "Debian GNU/Linux 12",
      kernel: "6.6.31-v8+",
      model: "Pi 4",
      architecture: "arm64",
    },
  ],
  ["user_recent_rank", { user: "pi" }],
  ["user_root_info", { user: "pi" }],
  ["user_session_info", { user: "pi", address: "192.168.1.5", tty: "pts_0" }],
];

function layoutSeries(): Labels[] {
  return [
    ...FAMILIES.map((family) => Labels.of({ __name__: SAMPLED, collector: family })),
    ...NAMES.map((name) => Labels.of({ __name__: `pihealth_${name}` })),
    ...LABELLED.map(([name, labels]) => Labels.of({ __name__: `pihealth_${name}`, ...labels })),
  ];
}

interface Effort {
  readonly cpuUs: number;
  readonly seconds: number;
}

/** The scraper's logs without the rest of the scraper. */
class SimulatedScraper {
  readonly hostLogs: HostLogs;
  private readonly layout = { series: layoutSeries() };
  private readonly values = new Float64Array(this.layout.series.length).fill(0.5);
  private readonly addresses: readonly string[];

  constructor(folder: string, targets: number) {
    const settings = {
      isEnabled: true,
      linesPerWrite: 10,
      maxWaitMs: 600_000,
      maxFileBytes: 1_048_576,
      maxOldFiles: 10,
      fileNames: DEFAULT_FILE_NAMES,
    };
    this.hostLogs = new HostLogs({
      folder,
      files: realFiles,
      clock: systemClock,
      log: silentLogger,
      settings,
    });
    this.addresses = Array.from({ length: targets }, (_, host) => addressOf(host));
  }

  /** Hosts sample at different times, so their logs are written at different times. */
  async scrape(scrapes: number, firstSecond: number): Promise<void> {
    for (let scrape = 0; scrape < scrapes; scrape++) {
      this.values.fill(START_SECONDS + firstSecond + scrape, 0, FAMILIES.length);
      for (const [host, address] of this.addresses.entries()) {
        this.hostLogs.receiveScrape(
          { host: address, port: 8732 },
          START_SECONDS * 1000,
          this.layout,
          this.values,
        );
        if (host % HOSTS_PER_TURN === 0) await yieldToEventLoop();
      }
    }
  }

  count(what: "lines" | "lost_lines"): number {
    return valueOf(this.hostLogs, `pihealth_host_log_${what}_total`) ?? 0;
  }
}

function addressOf(host: number): string {
  return `10.${host >> 16}.${(host >> 8) & 255}.${host & 255}`;
}

/** The minimum that the file system has to do: the same folders, and as many bytes in each file. */
function makeBareFiles(folder: string, targets: number): void {
  const text = `${"x".repeat(60)}\n`.repeat(WAITING_SCRAPES);
  for (let host = 0; host < targets; host++) {
    const logs = path.join(folder, "hosts", addressOf(host), "log");
    mkdirSync(logs, { recursive: true });
    for (const family of FAMILIES) appendFileSync(path.join(logs, `${family}.log`), text);
  }
}

async function effortOf(work: () => Promise<void>): Promise<Effort> {
  const [startMs, startCpu] = [performance.now(), process.cpuUsage()];
  await work();
  const { user, system } = process.cpuUsage(startCpu);
  return { cpuUs: user + system, seconds: (performance.now() - startMs) / 1000 };
}

/**
 * Cost of human logs: during scrapes, and at the stop, when every log of every host has pending
 * lines. The peer only creates the same files.
 */
export async function benchHostLogs({
  targets,
}: {
  readonly targets: number;
}): Promise<BenchFigure[]> {
  const folder = mkdtempSync(path.join(tmpdir(), "pihealth-host-logs-"));
  const files = targets * FAMILIES.length;
  try {
    const bare = await effortOf(async () => makeBareFiles(path.join(folder, "bare"), targets));
    const first = new SimulatedScraper(folder, targets);
    const before = memoryInUse().heapUsed;
    await first.scrape(WAITING_SCRAPES, 0);
    const held = memoryInUse().heapUsed - before;
    const newStop = await effortOf(() => first.hostLogs.stop());
    const second = new SimulatedScraper(folder, targets);
    await second.scrape(WAITING_SCRAPES, 1000);
    const oldStop = await effortOf(() => second.hostLogs.stop());
    const third = new SimulatedScraper(folder, targets);
    await third.scrape(WAITING_SCRAPES + 1, 2000);
    await third.hostLogs.flush();
    const linesBefore = third.count("lines");
    const running = await effortOf(async () => {
      await third.scrape(RUNNING_SCRAPES, 3000);
      await third.hostLogs.flush();
    });
    const lines = third.count("lines") - linesBefore;
    const lost = [first, second, third].reduce(
      (sum, scraper) => sum + scraper.count("lost_lines"),
      0,
    );
    const cpuOfScrape = running.cpuUs / RUNNING_SCRAPES / 1e6;
    return [
      {
        name: `host-logs: stop with ${files} new files`,
        unit: "s",
        ours: newStop.seconds,
        peer: bare.seconds,
        peerName: "bare files",
        aim: "<= 25",
      },
      {
        name: "host-logs: CPU per new file",
        unit: "us",
        ours: newStop.cpuUs / files,
        peer: bare.cpuUs / files,
        peerName: "bare files",
        aim: "-",
      },
      {
        name: "host-logs: stop soon after a start",
        unit: "s",
        ours: oldStop.seconds,
        aim: "<= 25",
      },
      { name: "host-logs: CPU per file then", unit: "us", ours: oldStop.cpuUs / files, aim: "-" },
      {
        name: "host-logs: memory of a host, all lines waiting",
        unit: "B",
        ours: held / targets,
        aim: "-",
      },
      { name: "host-logs: lines lost", unit: "", ours: lost, aim: "0" },
      {
        name: "host-logs: lines made and written",
        unit: "/s",
        ours: lines / running.seconds,
        aim: "-",
      },
      {
        name: "host-logs: CPU of a line, written",
        unit: "us",
        ours: running.cpuUs / lines,
        aim: "<= 10",
      },
      {
        name: `host-logs: cores for ${targets} hosts at ${DEFAULT_INTERVAL_SECONDS} s`,
        unit: "",
        ours: cpuOfScrape / DEFAULT_INTERVAL_SECONDS,
        aim: "<= 0.2",
      },
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
