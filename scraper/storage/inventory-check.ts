import path from "node:path";
import type { Segment } from "../../exporter/shared/journal/segment.js";
import { messageOf } from "../../exporter/shared/model/errors.js";
import type { Files } from "../../exporter/shared/platform/files.js";
import type { BlockStore, StoredBlock } from "./blocks/block-store.js";
import { type DataFolder, JOURNAL_FOLDER } from "./model/data-folder.js";
import type { Inventory, InventoryContent, InventoryState, Loss } from "./model/inventory.js";
import type { StorageCounters } from "./model/storage-counters.js";

/** Lines of the log about single files at one start. */
const MAX_LOGGED = 100;

/** A file whose size is not the one in the inventory. */
export interface ResizedFile {
  readonly path: string;
  readonly listedBytes: number;
  readonly sizeBytes: number;
}

/** How the files that are there differ from the inventory. Paths are relative to the data folder. */
export interface InventoryFindings {
  readonly missing: readonly string[];
  /** Folders that are missing with all their files. */
  readonly missingFolders: readonly { readonly folder: string; readonly files: number }[];
  readonly resized: readonly ResizedFile[];
  readonly foreign: readonly string[];
}

/** The files that are there, and the folders that could not be listed. */
export interface PresentFiles {
  /** Size by path; undefined when it could not be found out. */
  readonly sizes: ReadonlyMap<string, number | undefined>;
  readonly unlistable: ReadonlySet<string>;
}

/** The blocks and journal segments of a data folder. */
export async function presentFiles(
  { folder, files }: Pick<DataFolder, "folder" | "files">,
  blocks: Pick<BlockStore, "all" | "relativePathOf" | "unlistable">,
  segments: readonly Segment[],
): Promise<PresentFiles> {
  const sizes = new Map<string, number | undefined>();
  for (const block of blocks.all()) sizes.set(blocks.relativePathOf(block), block.sizeBytes);
  for (const segment of segments) {
    const size = await sizeOf(files, segment.path);
    if (size !== "missing") sizes.set(path.relative(folder, segment.path), size);
  }
  const unlistable = new Set(blocks.unlistable);
  await files.list(path.join(folder, JOURNAL_FOLDER)).catch(() => unlistable.add(JOURNAL_FOLDER));
  return { sizes, unlistable };
}

export async function compareWithInventory(
  { files: listed }: Pick<InventoryContent, "files">,
  { sizes, unlistable }: PresentFiles,
  isThere: (folder: string) => Promise<boolean>,
): Promise<InventoryFindings> {
  const gone = [...listed.keys()].filter((file) => !sizes.has(file) && !isIn(unlistable, file));
  const missing: string[] = [];
  const missingFolders: { folder: string; files: number }[] = [];
  for (const [folder, inFolder] of byTableFolder(gone)) {
    if (folder === JOURNAL_FOLDER || (await isThere(folder))) missing.push(...inFolder);
    else missingFolders.push({ folder, files: inFolder.length });
  }
  const resized: ResizedFile[] = [];
  const foreign: string[] = [];
  for (const [file, sizeBytes] of sizes) {
    const listedBytes = listed.get(file);
    if (!listed.has(file)) foreign.push(file);
    else if (listedBytes !== undefined && sizeBytes !== undefined && listedBytes !== sizeBytes)
      resized.push({ path: file, listedBytes, sizeBytes });
  }
  return { missing, missingFolders, resized, foreign };
}

/** Compares a data folder with its inventory at a start: says what is missing, and remembers it. */
export class InventoryCheck {
  private losses: readonly Loss[];
  private readonly content: InventoryContent | undefined;

  constructor(
    private readonly data: DataFolder,
    private readonly state: InventoryState,
    private readonly nowMs: number,
    private readonly counters: StorageCounters,
  ) {
    this.content = state.kind === "read" ? state.content : undefined;
    this.losses = this.content?.losses ?? [];
  }

  /** Files that are listed or were lost: their numbers must not be used again. */
  get listed(): readonly string[] {
    return [...(this.content?.files.keys() ?? []), ...this.losses.map(({ path: file }) => file)];
  }

  /** True for a segment that was complete: no crash can have torn its end. */
  isComplete(segment: Segment): boolean {
    return this.content?.files.get(path.relative(this.data.folder, segment.path)) !== undefined;
  }

  /** Says what is missing, changed or foreign. */
  async run(blocks: BlockStore, segments: readonly Segment[]): Promise<void> {
    const { data, content } = this;
    const { log, folder, files } = data;
    const present = await presentFiles(data, blocks, segments);
    if (content === undefined) {
      if (present.sizes.size > 0) this.sayWithoutInventory();
      return;
    }
    if (content.damagedLines > 0) {
      const { damagedLines: lines } = content;
      log.error("Damaged lines found in inventory of data folder, they are skipped", { lines });
    }
    const isThere = async (inData: string): Promise<boolean> =>
      (await sizeOf(files, path.join(folder, inData))) !== "missing";
    const findings = await compareWithInventory(content, present, isThere);
    this.sayMissing(findings);
    const { foreign, missing, missingFolders } = findings;
    if (foreign.length > 0)
      log.warn("Files found that are not in the inventory, they are taken in", {
        files: foreign.length,
        first: path.join(folder, foreign[0] ?? ""),
      });
    const gone = [...missing, ...missingFolders.map((each) => `${each.folder}/`)];
    this.losses = [
      ...this.losses.filter(({ path: file }) => !present.sizes.has(file)),
      ...gone.map((file) => ({ path: file, noticedMs: this.nowMs })),
    ];
    await this.lookAt(findings, blocks);
  }

  /** Writes the inventory of what is there now. */
  async finish(
    inventory: Inventory,
    blocks: BlockStore,
    segments: readonly Segment[],
  ): Promise<void> {
    const { sizes, unlistable } = await presentFiles(this.data, blocks, segments);
    const kept = new Map(sizes);
    // Files in a folder that could not be listed may well be there.
    for (const [file, sizeBytes] of this.content?.files ?? [])
      if (!kept.has(file) && isIn(unlistable, file)) kept.set(file, sizeBytes);
    await inventory.begin(kept, this.losses);
  }

  private sayWithoutInventory(): void {
    const { state } = this;
    const { folder, log } = this.data;
    const detail =
      state.kind === "unreadable"
        ? messageOf(state.error)
        : "it is not there, as in a folder of an earlier version or a copy";
    log.warn("Cannot tell whether files of samples are missing: inventory is made anew", {
      folder,
      detail,
    });
  }

  private sayMissing({ missing, missingFolders }: InventoryFindings): void {
    const { counters } = this;
    const { log, folder } = this.data;
    counters.missingFiles += missing.length;
    for (const { folder: lost, files } of missingFolders) {
      counters.missingFiles += files;
      const fields = { folder: path.join(folder, lost), files };
      log.error("Folder of samples missing: it was deleted, or is lost", fields);
    }
    for (const file of missing.slice(0, MAX_LOGGED))
      log.error("File of samples missing, its samples are lost", { file: path.join(folder, file) });
    if (missing.length > MAX_LOGGED)
      log.error("More files of samples missing", { files: missing.length - MAX_LOGGED });
  }

  /** Files that changed, or that somebody has put there, may be others than their names tell. */
  private async lookAt({ resized, foreign }: InventoryFindings, blocks: BlockStore): Promise<void> {
    const { log, folder } = this.data;
    for (const { path: file, listedBytes, sizeBytes } of resized) {
      this.counters.resizedFiles++;
      const now = { file: path.join(folder, file), bytes: sizeBytes, written: listedBytes };
      log.error("File of samples has another size than when it was written", now);
    }
    const wanted = new Set([...resized.map((each) => each.path), ...foreign]);
    const suspects = blocks.all().filter((block) => wanted.has(blocks.relativePathOf(block)));
    for (const block of suspects) await this.correct(block, blocks);
  }

  private async correct(block: StoredBlock, blocks: BlockStore): Promise<void> {
    const file = blocks.reader.pathOf(block);
    try {
      const named = await blocks.correctRange(block);
      if (named !== undefined)
        this.data.log.error("Block has samples of another time than its name tells", { file });
    } catch (error) {
      blocks.reportDamage(block, error);
    }
  }
}

const isIn = (folders: ReadonlySet<string>, file: string): boolean =>
  [...folders].some((folder) => folder === "" || file.startsWith(`${folder}/`));

function byTableFolder(files: readonly string[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const file of files) {
    const folder = path.dirname(file).replace(/\/blocks$/, "");
    const inFolder = found.get(folder);
    if (inFolder === undefined) found.set(folder, [file]);
    else inFolder.push(file);
  }
  return found;
}

/** Undefined when the system does not tell. */
async function sizeOf(files: Files, filePath: string): Promise<number | undefined | "missing"> {
  try {
    const facts = await files.facts(filePath);
    return facts === undefined ? "missing" : facts.sizeBytes;
  } catch {
    return undefined;
  }
}
