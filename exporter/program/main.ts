#!/usr/bin/env node
import { stopOptimizing } from "../shared/platform/compiler.js";

stopOptimizing();
// Loaded after that: the compiler's memory would stay.
const { runExporter } = await import("./run-exporter.js");

// What still waits (a collector that hangs) must not keep the process.
process.exit(await runExporter(process.argv.slice(2)));
