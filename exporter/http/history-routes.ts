/** `/history`: the segments of the history, for masters with the fleet token, at a limited rate. */
import path from "node:path";
import type { History } from "../history/history.js";
import { parseSegmentName } from "../shared/codec/history/segment-name.js";
import type { Clock } from "../shared/platform/clock.js";
import type { Files } from "../shared/platform/files.js";
import { encodeHistoryList, HISTORY_PATH } from "../shared/protocol/history.js";
import { parseByteRange, type ByteRange } from "./byte-range.js";
import {
  textResponse,
  withHeaders,
  type RouteResponse,
  type RouteRequest,
  type Route,
} from "./route.js";
import { TransferLimits } from "./transfer-limits.js";

interface HistoryRoutesParts {
  readonly history: History;
  readonly files: Files;
  readonly clock: Clock;
  /** Milliseconds since boot, as in heartbeats. */
  readonly bootMs: () => number;
  readonly bootId: string;
  readonly nodeId: string;
  /** Checks the `Authorization` header in constant time; returns undefined when no fleet token is configured. */
  readonly hasFleetToken: (authorization: string | undefined) => boolean | undefined;
  readonly maxRateBytes: number;
}

type Segment = NonNullable<Awaited<ReturnType<History["find"]>>>;

const PIECE_BYTES = 65_536;
const NO_TOKEN =
  "Forbidden: no fleet token is configured here, it must be set as uplink.token_file";
const WRONG_TOKEN = "Unauthorized: the fleet token is missing or wrong";

export function createHistoryRoutes(parts: HistoryRoutesParts): Route[] {
  const limits = new TransferLimits(parts.clock, parts.maxRateBytes);
  // The token takes the place of basic authentication, which needs the same header.
  return [
    {
      path: HISTORY_PATH,
      isOpen: true,
      hasCredentials: parts.hasFleetToken,
      handle: (request) => refusal(request, parts) ?? answerList(request, parts, limits),
    },
    {
      path: `${HISTORY_PATH}/:name`,
      isOpen: true,
      hasCredentials: parts.hasFleetToken,
      handle: (request) => refusal(request, parts) ?? answerSegment(request, parts, limits),
    },
  ];
}

function refusal(
  { headers }: RouteRequest,
  { hasFleetToken }: HistoryRoutesParts,
): RouteResponse | undefined {
  const allowed = hasFleetToken(headers["authorization"]);
  if (allowed === undefined) return textResponse(403, NO_TOKEN);
  if (allowed) return undefined;
  return withHeaders(textResponse(401, WRONG_TOKEN), {
    "www-authenticate": 'Bearer realm="pihealth"',
  });
}

async function answerList(
  { peer }: RouteRequest,
  { history, nodeId, bootId, bootMs, clock }: HistoryRoutesParts,
  limits: TransferLimits,
): Promise<RouteResponse> {
  const end = limits.begin(peer);
  if (end === undefined) return tooMany();
  try {
    const segments = await history.list();
    const clocks = { wallMs: Math.floor(clock.wallMs()), monotonicMs: Math.floor(bootMs()) };
    return {
      status: 200,
      headers: { "content-type": "application/json", "cache-control": "no-store" },
      body: encodeHistoryList({ nodeId, bootId, ...clocks, segments }),
    };
  } finally {
    end();
  }
}

async function answerSegment(
  { headers, parameters, peer, isHead }: RouteRequest,
  { history, files }: HistoryRoutesParts,
  limits: TransferLimits,
): Promise<RouteResponse> {
  const name = parameters["name"] ?? "";
  const isName = parseSegmentName(name) !== undefined;
  const segment = isName ? await history.find(name) : undefined;
  if (segment === undefined) return textResponse(404, "Not found: there is no such segment");
  const range = wantedRange(headers, segment);
  if (range === "unsatisfiable") {
    return withHeaders(textResponse(416, "Range not satisfiable: the segment ends before it"), {
      "content-range": `bytes */${segment.sizeBytes}`,
    });
  }
  const { fromBytes, untilBytes } = range ?? { fromBytes: 0, untilBytes: segment.sizeBytes };
  const end = isHead ? undefined : limits.begin(peer);
  if (end === undefined && !isHead) return tooMany();
  return {
    status: range === undefined ? 200 : 206,
    headers: segmentHeaders(segment, range),
    body: {
      sizeBytes: untilBytes - fromBytes,
      pieces: readPieces(files, segment, { fromBytes, untilBytes }, { limits, end }),
    },
  };
}

/** A client with another version of the segment (`If-Range`) gets the whole segment. */
function wantedRange(
  headers: RouteRequest["headers"],
  segment: Segment,
): ByteRange | "unsatisfiable" | undefined {
  const ifRange = headers["if-range"];
  if (ifRange !== undefined && ifRange !== etagOf(segment)) return undefined;
  return parseByteRange(headers["range"], segment.sizeBytes);
}

function segmentHeaders(segment: Segment, range: ByteRange | undefined): Record<string, string> {
  const etag = etagOf(segment);
  const headers: Record<string, string> = {
    "content-type": "application/gzip",
    "cache-control": "no-store",
    "accept-ranges": "bytes",
  };
  if (etag !== undefined) headers["etag"] = etag;
  if (range !== undefined) {
    const { fromBytes, untilBytes } = range;
    headers["content-range"] = `bytes ${fromBytes}-${untilBytes - 1}/${segment.sizeBytes}`;
  }
  return headers;
}

/** An open segment has no ETag, because it grows. */
const etagOf = ({ sha256, open }: Segment): string | undefined =>
  open ? undefined : `"${sha256}"`;

/** The open file stays readable when the segment is deleted during the transfer. */
async function* readPieces(
  files: Files,
  { folder, name }: Segment,
  { fromBytes, untilBytes }: ByteRange,
  { limits, end }: { readonly limits: TransferLimits; readonly end: (() => void) | undefined },
): AsyncGenerator<Uint8Array, void> {
  try {
    const file = await files.openRead(path.join(folder, name));
    try {
      for (let at = fromBytes; at < untilBytes; at += PIECE_BYTES) {
        const length = Math.min(PIECE_BYTES, untilBytes - at);
        await limits.pass(length);
        const piece = await file.read(at, length);
        if (piece.length < length)
          throw new Error(`Cannot read "${name}": the file became shorter`);
        yield piece;
      }
    } finally {
      await file.close();
    }
  } finally {
    end?.();
  }
}

const tooMany = (): RouteResponse =>
  withHeaders(textResponse(429, "Too many requests: other transfers of history run"), {
    "retry-after": "1",
  });
