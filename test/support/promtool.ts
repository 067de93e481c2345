import { spawnSync } from "node:child_process";

/**
 * @returns what `promtool check metrics` says about an exposition in the text format: nothing when
 * all is well
 */
export function promtoolCheckMetrics(text: string): string {
  const { error, status, stdout, stderr } = spawnSync("promtool", ["check", "metrics"], {
    input: text,
    encoding: "utf8",
  });
  if (error !== undefined) throw error;
  return status === 0 ? stdout + stderr : `exit code ${status}: ${stdout}${stderr}`;
}
