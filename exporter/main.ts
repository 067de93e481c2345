#!/usr/bin/env node
import { compileRarely } from "./shared/platform/compiler.js";

compileRarely();
// Loaded after that: what the start compiles stays in memory.
const { runExporter } = await import("./run-exporter.js");

// What still waits (a collector that hangs) must not keep the process.
process.exit(await runExporter(process.argv.slice(2)));
