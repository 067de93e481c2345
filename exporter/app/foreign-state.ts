import { createHash } from "node:crypto";
import path from "node:path";
import { COUNTERS_FILE } from "./counter-file.js";
import { BadInputError, messageOf } from "../shared/model/errors.js";
import type { Files } from "../shared/platform/files.js";
import type { Logger } from "../shared/platform/logger.js";
import { readStateFile } from "../shared/platform/state-file.js";

/** Whose state this is: a hash of /etc/machine-id, and the serial number of the board. */
export const MACHINE_FILE = "machine";
const MACHINE_TEXT = /^([0-9a-f]{64}|)\n([\w.-]*)\n?$/;
export const MAX_MACHINE_BYTES = 1024;
const MACHINE_ID = "/etc/machine-id";
const SERIAL = "/proc/device-tree/serial-number";
/** The state of the other machine, kept until the next time. */
const ASIDE_FOLDER = "of-another-machine";
/** Everything that identifies a machine or was recorded by it. */
const STATE_ENTRIES = ["node-id", "history", "outbox", COUNTERS_FILE];

interface Machine {
  /** Empty where the system has none. */
  readonly machineId: string;
  readonly serial: string;
}

/**
 * Detects that the state folder was recorded by another machine, as on a cloned card, and starts
 * afresh: the folder's content is moved to `of-another-machine`, so this machine gets a node id of
 * its own and does not serve the history of the other as its own.
 *
 * A changed machine id alone does not count where the board is the same, because some systems make
 * a new one at each boot. A changed board alone may be a card that was put into a new Pi, which
 * continues the state; it is logged.
 */
export async function setForeignStateAside(
  stateFolder: string,
  files: Files,
  log: Logger,
): Promise<void> {
  const machine = await readMachine(files);
  const filePath = path.join(stateFolder, MACHINE_FILE);
  const before = await readStateFile({
    files,
    log,
    filePath,
    maxBytes: MAX_MACHINE_BYTES,
    decode: decodeMachine,
    effect: "a copy of the folder on another machine is not noticed at this start",
  });
  if (before?.machineId === machine.machineId && before.serial === machine.serial) return;
  try {
    if (before !== undefined) await compare(before, machine, { stateFolder, files, log });
    await files.replace(filePath, `${machine.machineId}\n${machine.serial}\n`);
  } catch (error) {
    log.warn("Cannot check to which machine the state folder belongs", {
      folder: stateFolder,
      error: messageOf(error),
    });
  }
}

async function compare(
  before: Machine,
  now: Machine,
  parts: { readonly stateFolder: string; readonly files: Files; readonly log: Logger },
): Promise<void> {
  const { stateFolder, files, log } = parts;
  const isOtherId = differs(before.machineId, now.machineId);
  const isOtherBoard = differs(before.serial, now.serial);
  const hasBoard = before.serial !== "" && now.serial !== "";
  if (isOtherId && (isOtherBoard || !hasBoard)) {
    await moveAside(stateFolder, files);
    log.warn("State folder of another machine set aside: this machine gets a node id of its own", {
      folder: path.join(stateFolder, ASIDE_FOLDER),
    });
  } else if (isOtherBoard) {
    log.warn(
      "Board changed: if the other one still runs with a copy of this card, both have one node id",
      {
        remedy: `on one of them, stop the exporter, delete everything in ${stateFolder}, start it again`,
      },
    );
  }
}

/** Unknown values differ from nothing. */
const differs = (before: string, now: string): boolean =>
  before !== "" && now !== "" && before !== now;

async function moveAside(stateFolder: string, files: Files): Promise<void> {
  const aside = path.join(stateFolder, ASIDE_FOLDER);
  await files.removeTree(aside);
  await files.makeFolder(aside);
  // The node id is last: after a power cut in between, the rest follows at the next start.
  for (const entry of STATE_ENTRIES.toReversed()) {
    const from = path.join(stateFolder, entry);
    if ((await files.facts(from)) !== undefined) await files.rename(from, path.join(aside, entry));
  }
}

async function readMachine(files: Files): Promise<Machine> {
  const read = async (filePath: string): Promise<string> => {
    const text = await files.readText(filePath).catch(() => "");
    return text.replaceAll("\0", "").trim();
  };
  const id = await read(MACHINE_ID);
  // machine-id(5): the id must not be shown, a hash may.
  const machineId = /^[0-9a-f]{32}$/.test(id)
    ? createHash("sha256").update(`pihealth ${id}`).digest("hex")
    : "";
  return { machineId, serial: (await read(SERIAL)).replace(/[^\w.-]/g, "") };
}

export function decodeMachine(text: string): Machine {
  const [, machineId, serial] = MACHINE_TEXT.exec(text) ?? [];
  if (machineId !== undefined && serial !== undefined) return { machineId, serial };
  throw new BadInputError("Cannot read the machine: the file must contain a hash and a serial");
}
