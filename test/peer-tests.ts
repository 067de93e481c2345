/**
 * Runs the tests that compare with peers, with the programs in the folder PIHEALTH_PEERS.
 *
 * Usage: PIHEALTH_PEERS=FOLDER npm run test:peers [-- part-of-a-file-name ...]
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import { peerEnvironment } from "./support/peers.js";
import { REPOSITORY } from "./support/repository.js";
import { findTestFiles, runTestFiles } from "./support/test-files.js";

/** What a test that starts a peer, or asks it for a verdict, has in its text. */
const ASKS_PEER =
  /RealPrometheus|peerEnvironment|"(promtool|amtool|prometheus-alertmanager)"|promtoolCheckMetrics|runDifferential/;

function main(wanted: readonly string[]): number {
  if ((process.env["PIHEALTH_PEERS"] ?? "") === "") {
    process.stderr.write(
      "Cannot compare with peers: PIHEALTH_PEERS is not set, it must be a folder with prometheus, promtool, amtool and others\n",
    );
    return 2;
  }
  Object.assign(process.env, peerEnvironment());
  const { together } = findTestFiles(wanted);
  const files = together.filter((file) => ASKS_PEER.test(sourceOf(file)));
  return runTestFiles(files);
}

const sourceOf = (compiled: string): string =>
  readFileSync(
    path.join(REPOSITORY, compiled.replace(/^dist\//, "").replace(/\.js$/, ".ts")),
    "utf8",
  );

process.exitCode = main(process.argv.slice(2));
