import { itemAt } from "../../../exporter/shared/model/get-or-throw.js";
import { createHash } from "node:crypto";
import { decodeMember, encodeMember } from "../../../exporter/shared/codec/history/gzip-member.js";
import { formatMemberHeader } from "../../../exporter/shared/codec/history/member-text.js";
import { formatSegmentName } from "../../../exporter/shared/codec/history/segment-name.js";
import {
  HttpError,
  type HttpRequest,
  type HttpResponse,
} from "../../../exporter/shared/platform/http/http-client.js";
import { encodeHistoryList } from "../../../exporter/shared/protocol/history.js";
import type { FakeClock } from "../../support/fake-clock.js";

export const NODE_ID = "0123456789abcdef0123456789abcdef";
const SEGMENT_MEMBERS = 60;

interface Segment {
  readonly sequence: number;
  readonly startMs: number;
  readonly bootId: string;
  readonly members: Buffer[];
  readonly times: number[];
}

/**
 * A Pi that samples one value every few seconds of true time, whatever its own clock says, and
 * serves its history.
 */
export class SimulatedPi {
  nodeId = NODE_ID;
  bootId = "b0";
  /** Its wall clock minus the true time. */
  clockErrorMs = 0;
  /** False while the machine is off. */
  isOn = true;
  /** Called before each answer; may throw. */
  onRequest: (request: HttpRequest) => void = () => undefined;
  /** More lines of each sampling, by the Pi's own time. */
  moreLines: (timeMs: number) => readonly string[] = () => [];
  readonly requests: string[] = [];
  /** Everything it recorded, by true time. */
  readonly recorded: { readonly trueMs: number; readonly value: number; isFlushed: boolean }[] = [];
  private bootedMs: number;
  private readonly segments: Segment[] = [];
  private sequence = 1;
  private lines: string[] = [];
  private times: number[] = [];
  private boots = 0;

  constructor(private readonly clock: FakeClock) {
    this.bootedMs = clock.wallMs();
  }

  get wallMs(): number {
    return this.clock.wallMs() + this.clockErrorMs;
  }

  get monotonicMs(): number {
    return this.clock.wallMs() - this.bootedMs;
  }

  boot(): void {
    this.lines = [];
    this.times = [];
    this.bootedMs = this.clock.wallMs();
    this.bootId = `b${++this.boots}`;
    this.isOn = true;
  }

  /** Takes one sampling now. */
  sample(): void {
    if (!this.isOn) return;
    const value = this.recorded.length;
    const timeMs = Math.floor(this.wallMs);
    this.recorded.push({ trueMs: this.clock.wallMs(), value, isFlushed: false });
    this.lines.push(
      `pihealth_value ${value} ${timeMs}\n`,
      `pihealth_labelled{instance="own",a="b c"} ${value * 2} ${timeMs}\n`,
    );
    this.lines.push(...this.moreLines(timeMs));
    this.times.push(timeMs);
  }

  flush(): void {
    if (this.lines.length === 0) return;
    for (const sample of this.recorded.slice(-this.times.length)) sample.isFlushed = true;
    const header = formatMemberHeader({
      bootId: this.bootId,
      monotonicMs: this.monotonicMs,
      wallMs: this.wallMs,
    });
    let segment = this.segments.at(-1);
    if (
      segment === undefined ||
      segment.bootId !== this.bootId ||
      segment.members.length >= SEGMENT_MEMBERS
    ) {
      segment = {
        sequence: this.sequence++,
        startMs: this.wallMs,
        bootId: this.bootId,
        members: [],
        times: [],
      };
      this.segments.push(segment);
    }
    segment.members.push(encodeMember(header + this.lines.join("")));
    segment.times.push(...this.times);
    this.lines = [];
    this.times = [];
  }

  /** The newest segment has the same samples in other bytes from its last member on. */
  rewriteOpenSegment(): void {
    const { members } = itemAt(this.segments, -1);
    const text = decodeMember(itemAt(members, -1)) ?? "";
    members.splice(-1, 1, encodeMember(`${text}# \n`));
  }

  /** As the limits of the exporter do it. */
  dropSegments(count: number): void {
    this.segments.splice(0, count);
  }

  /** The files on its disk. */
  segmentFiles(): { readonly name: string; readonly bytes: Buffer }[] {
    return this.segments.map((segment) => ({
      name: nameOf(segment),
      bytes: Buffer.concat(segment.members),
    }));
  }

  get segmentCount(): number {
    return this.segments.length;
  }

  answer(request: HttpRequest): HttpResponse {
    const { pathname } = new URL(request.url);
    this.requests.push(pathname);
    if (!this.isOn) throw new HttpError("unreachable", "Cannot fetch: it is off");
    this.onRequest(request);
    if (request.headers?.["Authorization"] !== "Bearer secret") return response(401, "no token");
    return pathname === "/history"
      ? this.list()
      : this.piece(pathname, request.headers["Range"] ?? "");
  }

  private list(): HttpResponse {
    const segments = this.segments.map((segment) => {
      const bytes = Buffer.concat(segment.members);
      return {
        name: nameOf(segment),
        fromMs: Math.min(...segment.times),
        lastMs: Math.max(...segment.times),
        bytes: bytes.length,
        sha256: createHash("sha256").update(bytes).digest("hex"),
        open: segment === this.segments.at(-1),
        bootId: segment.bootId,
      };
    });
    const { nodeId, bootId } = this;
    const clocks = { wallMs: Math.floor(this.wallMs), monotonicMs: Math.floor(this.monotonicMs) };
    return response(200, encodeHistoryList({ nodeId, bootId, ...clocks, segments }));
  }

  private piece(pathname: string, range: string): HttpResponse {
    const segment = this.segments.find((one) => pathname === `/history/${nameOf(one)}`);
    if (segment === undefined) return response(404, "no such segment");
    const [, from = "0", to = "0"] = /^bytes=(\d+)-(\d+)$/.exec(range) ?? [];
    const bytes = Buffer.concat(segment.members);
    const body = bytes.subarray(Number(from), Number(to) + 1);
    const headers = {
      "content-range": `bytes ${from}-${Number(from) + body.length - 1}/${bytes.length}`,
    };
    return { status: 206, headers, body };
  }
}

const nameOf = ({ sequence, startMs }: Segment): string => formatSegmentName({ sequence, startMs });
const response = (status: number, text: string): HttpResponse => ({
  status,
  headers: {},
  body: Buffer.from(text),
});
