#!/usr/bin/env node
import { runExporter } from "./run-exporter.js";
import { compileRarely } from "./shared/platform/compiler.js";

compileRarely();

// What still waits (a collector that hangs) must not keep the process.
process.exit(await runExporter(process.argv.slice(2)));
