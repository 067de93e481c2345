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
