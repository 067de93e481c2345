import { realFiles } from "../../../exporter/shared/platform/real-files.js";
import { systemClock } from "../../../exporter/shared/platform/clock.js";
import { silentLogger } from "../../../exporter/shared/platform/logger.js";
import { DirectImport } from "../../backfill/direct-import.js";
import { SampleImport } from "../../backfill/sample-import.js";
import { loadScraperConfig } from "../../config/config.js";
import { Storage } from "../../storage/storage.js";
import type { StoreText } from "./import.js";

/**
 * Opens the data folder of a scraper that is not running, to import into it.
 *
 * @throws {FolderLockedError} when the scraper runs
 */
export async function openOffline(
  configFile: string,
): Promise<{ store: StoreText; direct: DirectImport; close: () => Promise<void> }> {
  const { storage: settings } = await loadScraperConfig(configFile, realFiles);
  const storage = await Storage.open({
    folder: settings.path,
    files: realFiles,
    clock: systemClock,
    log: silentLogger,
    settings,
  });
  storage.start();
  // Only a running scraper knows its targets.
  const samples = new SampleImport({ writer: storage, targets: () => [], hosts: () => [] });
  const direct = new DirectImport({
    blocks: storage.blockImport,
    oldestAllowedMs: () => systemClock.wallMs() - settings.retentionMs,
  });
  return { store: (place, text) => samples.take(place, text), direct, close: () => storage.stop() };
}
