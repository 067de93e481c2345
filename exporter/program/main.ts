#!/usr/bin/env node
import { stopOptimizing } from "../shared/platform/compiler.js";

stopOptimizing();
// Loaded after that, because code that is compiled before keeps its memory.
const { runExporter } = await import("./run-exporter.js");

// A collector that hangs must not keep the process alive.
process.exit(await runExporter(process.argv.slice(2)));
