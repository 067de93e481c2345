import { printable } from "../../../exporter/shared/model/shown-text.js";
import type { JsonFields } from "../../../exporter/shared/codec/json-fields.js";
import { systemClock } from "../../../exporter/shared/platform/clock.js";
import { formatDurationMs } from "../../../exporter/shared/model/duration.js";
import { getData, type MasterAddress } from "./master-client.js";
import { alignColumns } from "./query.js";

/** `pihealth gaps`: one line per gap, oldest first. */
export async function listGaps(master: MasterAddress, host: string | undefined): Promise<string[]> {
  const data = await getData(master, "/api/v1/gaps", host === undefined ? {} : { host });
  const rows = data.objects("gaps").map(describeGap);
  if (rows.length === 0) return ["No gaps."];
  return alignColumns([["INSTANCE", "FROM", "UNTIL", "LENGTH", "CAUSE", "STATE"], ...rows]).map(
    printable,
  );
}

function describeGap(gap: JsonFields): string[] {
  const from = gap.text("from");
  const until = gap.nullable("until", (key) => gap.text(key));
  const endMs = until === undefined ? systemClock.wallMs() : Date.parse(until);
  const seconds = Math.round((endMs - Date.parse(from)) / 1000);
  const instance = gap.text("instance");
  return [
    instance === "" ? gap.text("host") : instance,
    from,
    until ?? "now",
    formatDurationMs(seconds * 1000),
    gap.text("cause"),
    gap.text("state"),
  ];
}
