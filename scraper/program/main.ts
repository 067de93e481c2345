#!/usr/bin/env node
import { endAtUncaughtErrors } from "../../exporter/shared/platform/process.js";
import { writeErrorText } from "../../exporter/shared/platform/terminal.js";
import { runScraper } from "./run-scraper.js";

endAtUncaughtErrors(writeErrorText);

process.exit(await runScraper(process.argv.slice(2)));
