/**
 * Runs one outage and prints its counts as a line of JSON.
 *
 * Usage: node one-outage.js "master away, 24 h, clean"
 */
import { runOutageRow } from "./outage-rows.js";

console.log(JSON.stringify(await runOutageRow(process.argv[2] ?? "")));
