/** `pihealth check state`: whether every file in the state folder of an exporter is intact. */
import path from "node:path";
import { COUNTERS_FILE, MAX_COUNTERS_BYTES } from "../app/counter-file.js";
import { decodeMachine, MACHINE_FILE, MAX_MACHINE_BYTES } from "../app/foreign-state.js";
import { HISTORY_FOLDER } from "../app/history-wiring.js";
import { checkSegment } from "../history/segment-facts.js";
import { parseSegmentName } from "../shared/codec/history/segment-name.js";
import { BadInputError, isPermissionError, messageOf } from "../shared/model/errors.js";
import type { Files } from "../shared/platform/files.js";
import { nameBeforeAside } from "../shared/platform/move-aside.js";
import { readOwnFile } from "../shared/platform/state-file.js";
import { decodeKeptCounters } from "../sources/kept-counters.js";
import { decodeEntry, MAX_ENTRY_BYTES, OUTBOX_FILE_NAME } from "../uplink/alarm-outbox.js";
import { decodeNodeId, MAX_NODE_ID_BYTES } from "../uplink/node-id.js";

/** A larger segment was written by no exporter, whatever `history.size` is. */
const MAX_SEGMENT_BYTES = 2 ** 40;

export interface StateResult {
  readonly lines: readonly string[];
  readonly succeeded: boolean;
}

/** Checks every file that an exporter writes. It changes nothing; the exporter may run meanwhile. */
export async function checkExporterState(folder: string, files: Files): Promise<StateResult> {
  const checker = new StateChecker(files, folder);
  await checker.file("node-id", MAX_NODE_ID_BYTES, decodeNodeId);
  await checker.file(MACHINE_FILE, MAX_MACHINE_BYTES, decodeMachine);
  await checker.file(COUNTERS_FILE, MAX_COUNTERS_BYTES, decodeKeptCounters);
  for (const name of await checker.namesIn("outbox"))
    if (OUTBOX_FILE_NAME.test(name))
      await checker.file(path.join("outbox", name), MAX_ENTRY_BYTES, decodeEntry);
  for (const name of await checker.namesIn(HISTORY_FOLDER))
    if (parseSegmentName(name) !== undefined)
      await checker.segment(path.join(HISTORY_FOLDER, name));
  await checker.namesIn("");
  return checker.result();
}

class StateChecker {
  private readonly problems: string[] = [];
  private readonly notes: string[] = [];
  private intact = 0;

  constructor(
    private readonly files: Files,
    private readonly folder: string,
  ) {}

  /** Names in a folder; notes what an earlier start moved aside there. */
  async namesIn(inState: string): Promise<readonly string[]> {
    const folder = path.join(this.folder, inState);
    try {
      const isAbsent = (await this.files.facts(folder)) === undefined;
      if (isAbsent && (await this.files.readLink(folder)) === undefined) return [];
      const names = (await this.files.list(folder)).map(({ name }) => name);
      for (const name of names) this.noteAside(folder, name);
      return names;
    } catch (error) {
      this.note(inState, error);
      return [];
    }
  }

  async file(inState: string, maxBytes: number, decode: (text: string) => unknown): Promise<void> {
    try {
      const bytes = await readOwnFile(this.files, path.join(this.folder, inState), maxBytes);
      if (bytes === undefined) return;
      decode(bytes.toString("utf8"));
      this.intact++;
    } catch (error) {
      this.note(inState, error);
    }
  }

  async segment(inState: string): Promise<void> {
    const filePath = path.join(this.folder, inState);
    try {
      const facts = await this.files.facts(filePath);
      if (facts?.isFile !== true || facts.sizeBytes > MAX_SEGMENT_BYTES)
        throw new BadInputError("it must be a file");
      const found = await checkSegment(this.files, filePath, facts.sizeBytes);
      // A crash tears the end, and leaves an empty file.
      if (found.isDamagedInside || (found.facts === undefined && facts.sizeBytes > 0))
        throw new BadInputError("its content is damaged");
      this.intact++;
    } catch (error) {
      this.note(inState, error);
    }
  }

  result(): StateResult {
    const { folder, problems, notes, intact } = this;
    if (problems.length > 0)
      return {
        succeeded: false,
        lines: [...problems, ...notes, `FAILED: ${problems.length} problems in ${folder}`],
      };
    if (intact === 0) {
      const detail = "it has no state of an exporter, it must be a state folder";
      return { succeeded: false, lines: [`FAILED: Cannot check "${folder}": ${detail}`] };
    }
    return { succeeded: true, lines: [...notes, `SUCCESS: ${folder} is intact: ${intact} files`] };
  }

  private noteAside(folder: string, name: string): void {
    const before = nameBeforeAside(name) ?? /^(.+)\.damaged$/.exec(name)?.[1];
    if (before === undefined) return;
    const detail = `moved aside because it could not be used as ${before}`;
    this.notes.push(`NOTE: ${path.join(folder, name)}: ${detail}`);
  }

  private note(inState: string, error: unknown): void {
    const heading = isPermissionError(error) ? "NO PERMISSION" : "DAMAGED";
    this.problems.push(`${heading}: ${path.join(this.folder, inState)}: ${messageOf(error)}`);
  }
}
