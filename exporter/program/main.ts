#!/usr/bin/env node
import { stopOptimizing } from "../shared/platform/compiler.js";
import { endAtUncaughtErrors } from "../shared/platform/process.js";
import { writeErrorText } from "../shared/platform/terminal.js";

endAtUncaughtErrors(writeErrorText);
stopOptimizing();
// Loaded after that, because code that is compiled before keeps its memory.
const { runExporter } = await import("./run-exporter.js");

// A collector that hangs must not keep the process alive.
process.exit(await runExporter(process.argv.slice(2)));
