import { spawnSync } from "node:child_process";
import path from "node:path";

/**
 * The environment for child processes that are peers: with `PIHEALTH_PEERS` set to a folder of
 * programs (prometheus, promtool, prometheus-alertmanager, amtool, ...), that folder comes first in
 * PATH. Without it, the installed programs are used.
 */
export function peerEnvironment(env: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  const folder = env["PIHEALTH_PEERS"];
  if (folder === undefined || folder === "") return env;
  return { ...env, PATH: [path.resolve(folder), env["PATH"] ?? ""].join(path.delimiter) };
}

/** The second part of the version of amtool, and so of Alertmanager: 33 for 0.33.1. */
export function alertmanagerMinor(): number {
  const { stdout, stderr, error } = spawnSync("amtool", ["--version"], {
    encoding: "utf8",
    env: peerEnvironment(),
  });
  if (error !== undefined) throw error;
  return Number(/version 0\.(\d+)/.exec(stdout + stderr)?.[1]);
}
