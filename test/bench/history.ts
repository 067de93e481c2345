import { History } from "../../exporter/history/history.js";
import { parseHistorySettings } from "../../exporter/history/history-settings.js";
import { runSamples } from "../../exporter/exposition/collector-states.js";
import { ConfigSection } from "../../exporter/shared/config/config-section.js";
import { silentLogger } from "../../exporter/shared/platform/logger.js";
import { FakeClock } from "../support/fake-clock.js";
import { MemoryFiles } from "../support/memory-files.js";
import { createRandom, simulateCollectors } from "../support/simulated-samples.js";
import type { BenchFigure } from "./figure.js";
import { valueOf, valuesOf } from "../support/metric-values.js";

const STEP_MS = 5000;
const DAY_MS = 86_400_000;
const BOOT_ID = "0aa6a5fb-23fd-4ee4-8b5f-63f4cd2bd9f2";

export interface HistoryMeasured {
  readonly days: number;
  readonly writtenBytes: number;
  readonly keptBytes: number;
  readonly droppedSegments: number;
  readonly samples: number;
  readonly syncs: number;
  readonly cpuSeconds: number;
}

/** Bytes that the collectors of this machine write in simulated days, with default settings. */
export async function measureHistory(days: number): Promise<HistoryMeasured> {
  const clock = new FakeClock();
  const files = new MemoryFiles();
  let syncs = 0;
  files.fault = (operation, filePath) => {
    if (operation === "sync" && filePath.endsWith(".gz")) syncs++;
    return undefined;
  };
  const history = await History.open({
    folder: "/state/history",
    files,
    clock,
    bootMs: () => clock.monotonicMs(),
    bootId: BOOT_ID,
    log: silentLogger,
    settings: parseHistorySettings(ConfigSection.parse("", "exporter.yml")),
  });
  const collectors = await simulateCollectors(1);
  const random = createRandom(2);
  let samples = 0;
  const cpuBefore = process.cpuUsage();
  history.start([]);
  for (let atMs = 0; atMs < days * DAY_MS; atMs += STEP_MS) {
    for (const { name, intervalMs, next } of collectors) {
      if (atMs % intervalMs !== 0) continue;
      const wallMs = clock.wallMs();
      const durationMs = 1 + random();
      const run = { collector: name, ok: true, durationMs, lastSuccessWallMs: wallMs };
      const all = [...next(), ...runSamples(run)];
      samples += all.length;
      history.receive({ collector: name, wallMs, monotonicMs: clock.monotonicMs(), samples: all });
    }
    await clock.advance(STEP_MS);
  }
  await history.stop();
  const { user, system } = process.cpuUsage(cpuBefore);
  return {
    days,
    samples,
    syncs,
    writtenBytes: valueOf(history, "pihealth_history_written_bytes_total") ?? 0,
    keptBytes: valueOf(history, "pihealth_history_size_bytes") ?? 0,
    droppedSegments: valuesOf(history, "pihealth_history_dropped_segments_total").reduce(
      (sum, value) => sum + value,
      0,
    ),
    cpuSeconds: (user + system) / 1e6,
  };
}

export async function benchHistory(options: { days: number }): Promise<BenchFigure[]> {
  const measured = await measureHistory(options.days);
  const { days, writtenBytes, samples, syncs, keptBytes, droppedSegments } = measured;
  return [
    { name: "history written a day", unit: "MB", ours: writtenBytes / days / 1e6, aim: "< 20 MB" },
    { name: "history bytes per sample", unit: "B", ours: writtenBytes / samples, aim: "-" },
    { name: "history samples a day", unit: "samples", ours: samples / days, aim: "-" },
    {
      name: "history fsyncs of a segment a minute",
      unit: "",
      ours: syncs / days / 1440,
      aim: "<= 1",
    },
    {
      name: `history kept after ${days} days`,
      unit: "MiB",
      ours: keptBytes / 2 ** 20,
      aim: "<= 64 MiB",
    },
    { name: "history segments dropped for room", unit: "", ours: droppedSegments, aim: "0" },
    { name: "history CPU a day", unit: "s", ours: measured.cpuSeconds / days, aim: "-" },
  ];
}
