import { isoTime } from "../../../exporter/shared/model/time-range.js";
import type { HostGap } from "../../backfill/gap.js";
import { canonicalAddress } from "../../fleet/ip-address.js";
import { dataResponse, type Route } from "../http/route.js";

export interface GapRouteParts {
  /** The gaps of one host or, for undefined, of all; oldest first. */
  readonly gaps: (host: string | undefined) => readonly HostGap[];
}

/** `/api/v1/gaps`: the gaps that are open, filled or lost, and their causes. */
export function gapRoutes({ gaps }: GapRouteParts): Route[] {
  return [
    {
      methods: ["GET"],
      path: "/api/v1/gaps",
      handle: async ({ parameters }) => {
        const host = parameters.text("host");
        const address = host === "" ? undefined : (canonicalAddress(host) ?? host.toLowerCase());
        return dataResponse({ gaps: gaps(address).map(showGap) });
      },
    },
  ];
}

function showGap({
  host,
  instance,
  job,
  fromMs,
  untilMs,
  cause,
  state,
}: HostGap): Record<string, unknown> {
  const until = untilMs === undefined ? null : isoTime(untilMs);
  return { host, instance, job, from: isoTime(fromMs), until, cause, state };
}
