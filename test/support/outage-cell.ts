import { messageOf } from "../../exporter/shared/model/errors.js";
import { waitFor } from "./child-program.js";
import { type CountOrder, countOutage, type OutageCount } from "./outage-count.js";
import { OutageRig, type OutagePace } from "./outage-rig.js";
import { fillDisk, mountSmallDisk, unmountSmallDisk } from "./small-disk.js";

/** One case: what was away, for how long, and what happened in the middle. */
export interface OutageCell {
  readonly outage: OutageKind;
  readonly length: OutageLengthName;
  readonly trouble: OutageTrouble;
}

export const OUTAGE_KINDS = ["master away", "link cut", "exporter killed", "both"] as const;
export type OutageKind = (typeof OUTAGE_KINDS)[number];
export const OUTAGE_TROUBLES = [
  "clean",
  "killed in transfer",
  "disk full",
  "clock stepped",
] as const;
export type OutageTrouble = (typeof OUTAGE_TROUBLES)[number];
export const OUTAGE_LENGTH_NAMES = ["10 s", "10 min", "24 h"] as const;
type OutageLengthName = (typeof OUTAGE_LENGTH_NAMES)[number];

interface OutageLength extends OutagePace {
  readonly seconds: number;
  /** Which of the fetched segments is interrupted. */
  readonly interruptedSegment: number;
}

/**
 * The longer outages pass faster than real time. Programs start, scrape and fetch near real time.
 */
export const OUTAGE_LENGTHS: Readonly<Record<OutageLengthName, OutageLength>> = {
  "10 s": {
    seconds: 10,
    speed: 1,
    fast: 1,
    samplingSeconds: 1,
    flushSeconds: 2,
    scrapeSeconds: 1,
    witnessSeconds: 1,
    interruptedSegment: 1,
  },
  "10 min": {
    seconds: 600,
    speed: 2,
    fast: 50,
    samplingSeconds: 5,
    flushSeconds: 5,
    scrapeSeconds: 2,
    witnessSeconds: 10,
    interruptedSegment: 1,
  },
  "24 h": {
    seconds: 86_400,
    speed: 5,
    fast: 1200,
    samplingSeconds: 120,
    flushSeconds: 30,
    scrapeSeconds: 10,
    witnessSeconds: 600,
    interruptedSegment: 5,
  },
};

const STEP_MS = -3_600_000;
const SMALL_DISK_BYTES = 64 * 1024 * 1024;
/** Accuracy of times where a clock was stepped. */
const STEPPED_TOLERANCE_MS = 2000;
/** Real time between the timestamp of a scrape and its values, on a busy machine. */
const LATENCY_MS = 1000;
/** Real time by which the clocks of two processes may differ. */
const EDGE_MS = 50;

/**
 * Applies an outage to real programs.
 *
 * @throws unless every gap is filled or has a cause at the end
 */
export async function runOutageCell(cell: OutageCell): Promise<OutageCount> {
  const length = OUTAGE_LENGTHS[cell.length];
  const disks: string[] = [];
  const makeDataFolder = (folder: string): void => {
    mountSmallDisk(folder, SMALL_DISK_BYTES);
    disks.push(folder);
  };
  const rig = await OutageRig.start({
    pace: length,
    ...(cell.trouble === "disk full" ? { makeDataFolder } : {}),
  });
  try {
    return await runIn(rig, cell);
  } catch (error) {
    throw new Error(`${Object.values(cell).join(", ")}: ${messageOf(error)}\n${rig.logs()}`, {
      cause: error,
    });
  } finally {
    await rig.close(() => disks.forEach(unmountSmallDisk));
  }
}

async function runIn(rig: OutageRig, cell: OutageCell): Promise<OutageCount> {
  const { seconds, interruptedSegment } = OUTAGE_LENGTHS[cell.length];
  const { master } = rig;
  const isStepped = cell.trouble === "clock stepped";
  const fromMs = rig.nowMs;
  const mend = await breakDown(rig, cell.outage, { seconds, isStepped });
  const mendedMs = rig.nowMs;
  const isShort = cell.outage === "exporter killed";
  const interrupted = interrupt(rig, cell, isShort ? 1 : interruptedSegment);
  await mend();
  await interrupted;
  await rig.scraped(mendedMs);
  const untilMs = rig.nowMs;
  const range = { fromMs, untilMs };
  const gaps = await master.settled(range, () => rig.logs());
  return countOutage({
    master,
    range,
    gaps,
    witness: rig.witness,
    history: rig.recorded,
    ...countOptions(OUTAGE_LENGTHS[cell.length], isStepped),
  });
}

/** Tolerances for comparing samples at a pace. */
export function countOptions(
  { samplingSeconds, fast, speed }: OutagePace,
  isStepped: boolean,
): Pick<CountOrder, "toleranceMs" | "edgeMs" | "ageMs" | "latencyMs"> {
  const latencyMs = LATENCY_MS * Math.max(fast, speed);
  const toleranceMs = isStepped ? STEPPED_TOLERANCE_MS : 0;
  return {
    toleranceMs,
    edgeMs: EDGE_MS * speed,
    ageMs: 2500 * samplingSeconds + latencyMs,
    latencyMs,
  };
}

/**
 * Starts the outage and lets it pass.
 *
 * @returns a function that ends it
 */
async function breakDown(
  rig: OutageRig,
  outage: OutageKind,
  { seconds, isStepped }: { seconds: number; isStepped: boolean },
): Promise<() => Promise<void>> {
  const { master } = rig;
  const passHalf = async (): Promise<void> => rig.pass(seconds / 2);
  const step = (): void => {
    if (isStepped) rig.pace.step(STEP_MS);
  };
  if (outage === "master away" || outage === "both") await master.kill();
  if (outage === "link cut") await master.cutLinks();
  if (outage === "exporter killed") await rig.killExporter();
  await passHalf();
  step();
  if (outage !== "both") {
    await passHalf();
  } else {
    await rig.killExporter();
    await rig.pass(seconds / 4);
    rig.boot();
    rig.startExporter();
    await rig.pass(seconds / 4);
  }
  return async () => {
    if (outage === "link cut") await master.joinLinks();
    else if (outage === "exporter killed") rig.startExporter();
    else master.start();
  };
}

/** Interrupts the fetch in the middle. */
async function interrupt(
  rig: OutageRig,
  { outage, trouble }: OutageCell,
  segment: number,
): Promise<void> {
  const { master } = rig;
  if (trouble === "killed in transfer") {
    await master.interruptSegment(segment, async () => {
      if (outage === "exporter killed") await rig.killExporter();
      else await master.kill();
    });
    if (outage === "exporter killed") rig.startExporter();
    else master.start();
  }
  if (trouble === "disk full") {
    let free = (): void => undefined;
    await master.interruptSegment(segment, async () => {
      free = fillDisk(master.folder);
    });
    await waitFor(
      "the full disk to be noticed",
      () => (/ENOSPC|waits for the disk/.test(master.log) ? true : undefined),
      {
        describe: () => rig.logs(),
      },
    );
    free();
  }
}
