import type { HostGap } from "../../backfill/gap.js";
import { canonicalAddress } from "../../fleet/ip-address.js";
import { dataResponse, type Route } from "../http/route.js";

export interface GapRouteParts {
  /** All hosts when undefined; oldest first. */
  readonly gaps: (host: string | undefined) => readonly HostGap[];
}

/** What is missing, what was filled, and what is lost for which cause. */
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

const isoTime = (timeMs: number): string => new Date(timeMs).toISOString();
