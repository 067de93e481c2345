/**
 * Events since the start, counted where they happen. One object shared by the parts of the storage.
 */
export class StorageCounters {
  appendedRows = 0;
  appendedSamples = 0;
  lateRows = 0;
  tooOldRows = 0;
  /** Rows that no journal took because too much was waiting for the disk. */
  unjournaledRows = 0;
  /** Samples given up in memory because the disk took nothing for too long. */
  droppedSamples = 0;
  commits = 0;
  failedCommits = 0;
  sealedChunks = 0;
  damagedRecords = 0;
  tornTails = 0;
  damagedReads = 0;
  blocksWritten = 0;
  failedBlocks = 0;
  compactions = 0;
  deletedBlocks = 0;
  damagedBlocks = 0;
  /** Blocks and journal segments that the inventory lists and that were not there at the start. */
  missingFiles = 0;
  /** Those with another size than in the inventory. */
  resizedFiles = 0;
}
