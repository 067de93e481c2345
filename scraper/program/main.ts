#!/usr/bin/env node
import { runScraper } from "./run-scraper.js";

process.exit(await runScraper(process.argv.slice(2)));
