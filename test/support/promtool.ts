import { spawnSync } from "node:child_process";
import { peerEnvironment } from "./peers.js";

/**
 * @returns the output of `promtool check metrics` for text in the exposition format; empty when it
 * is valid
 */
export function promtoolCheckMetrics(text: string): string {
  const { error, status, stdout, stderr } = spawnSync("promtool", ["check", "metrics"], {
    input: text,
    encoding: "utf8",
    env: peerEnvironment(),
  });
  if (error !== undefined) throw error;
  return status === 0 ? stdout + stderr : `exit code ${status}: ${stdout}${stderr}`;
}
