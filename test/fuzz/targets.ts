import { binaryTargets } from "./binary-targets.js";
import type { FuzzTarget } from "./fuzz-target.js";
import { jsonTargets } from "./json-targets.js";
import { servedTarget } from "./served-target.js";
import { textTargets } from "./text-targets.js";

/** Everything that reads input from outside. */
export async function allTargets(): Promise<FuzzTarget[]> {
  return [...textTargets(), ...jsonTargets(), ...(await binaryTargets()), await servedTarget()];
}
