import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Memory in use after a garbage collection. */
export function memoryInUse(): NodeJS.MemoryUsage {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc(); gc();"); // The second collection frees what finalizers of the first released.
  return process.memoryUsage();
}
