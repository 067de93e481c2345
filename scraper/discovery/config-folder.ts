import type { Files } from "../../exporter/shared/platform/files.js";

/** Place of the files that a configuration names. */
export interface ConfigFolder {
  readonly files: Files;
  /** Base of relative paths. */
  readonly folder: string;
}
