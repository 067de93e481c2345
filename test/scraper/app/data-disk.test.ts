import assert from "node:assert/strict";
import { test } from "node:test";
import { DataDisk } from "../../../scraper/app/data-disk.js";
import { FakeClock } from "../../support/fake-clock.js";
import { MemoryFiles } from "../../support/memory-files.js";
import { valueOf } from "../../support/metric-values.js";

const AVAILABLE = "pihealth_data_disk_available_bytes";

test("the room on the disk of the data folder is a metric, read again when it is old", async () => {
  const [clock, files] = [new FakeClock(), new MemoryFiles()];
  const disk = new DataDisk({ folder: "/data", files, clock });
  files.roomBytes = 500;
  await disk.read();
  assert.equal(valueOf(disk, AVAILABLE), 500);
  files.roomBytes = 7;
  assert.equal(valueOf(disk, AVAILABLE), 500);
  await clock.advance(15_000);
  valueOf(disk, AVAILABLE);
  await clock.advance(0);
  assert.equal(valueOf(disk, AVAILABLE), 7);
});

test("a disk that does not answer delays no request, and one that fails has no metrics", async () => {
  const clock = new FakeClock();
  const files = new MemoryFiles();
  let reads = 0;
  files.fileSystemFacts = async () => {
    reads++;
    return new Promise(() => undefined);
  };
  const disk = new DataDisk({ folder: "/data", files, clock });
  for (let count = 0; count < 5; count++) assert.deepEqual(disk.readMetrics(), []);
  assert.equal(reads, 1);
  files.fileSystemFacts = async () => Promise.reject(new Error("EIO"));
  const other = new DataDisk({ folder: "/data", files, clock });
  await other.read();
  assert.deepEqual(other.readMetrics(), []);
});
