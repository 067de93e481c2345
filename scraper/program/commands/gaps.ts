import { systemClock } from "../../../exporter/shared/platform/clock.js";
import { formatDurationMs } from "../../../exporter/shared/model/duration.js";
import { getData, type MasterAddress } from "./master-client.js";
import { alignColumns, printable } from "./query.js";

interface GapAnswer {
  readonly host: string;
  readonly instance: string;
  readonly from: string;
  readonly until: string | null;
  readonly cause: string;
  readonly state: string;
}

/** `pihealth gaps`: one line per gap, oldest first. */
export async function listGaps(master: MasterAddress, host: string | undefined): Promise<string[]> {
  const data = await getData(master, "/api/v1/gaps", host === undefined ? {} : { host });
  const { gaps } = data as { gaps: readonly GapAnswer[] };
  if (gaps.length === 0) return ["No gaps."];
  const rows = gaps.map(({ instance, host: address, from, until, cause, state }) => {
    const seconds = Math.round(
      ((until === null ? systemClock.wallMs() : Date.parse(until)) - Date.parse(from)) / 1000,
    );
    return [
      instance === "" ? address : instance,
      from,
      until ?? "goes on",
      formatDurationMs(seconds * 1000),
      cause,
      state,
    ];
  });
  return alignColumns([["INSTANCE", "FROM", "UNTIL", "LENGTH", "CAUSE", "STATE"], ...rows]).map(
    printable,
  );
}
