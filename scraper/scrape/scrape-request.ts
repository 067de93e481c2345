import type { Clock } from "../../exporter/shared/platform/clock.js";
import {
  HttpError,
  type HttpAgent,
  type HttpResponse,
  type SendHttp,
} from "../../exporter/shared/platform/http/http-client.js";
import type { ScrapeSettings, Target } from "../fleet/target.js";
import { MAX_LAYOUT_SERIES } from "../storage/model/layout-registry.js";
import { REPORT_COUNT } from "./body-plan.js";
import { NO_RELABELING } from "../fleet/relabeling.js";
import { ScrapeAnswerError, ScrapeLimitError, TooManySamplesError } from "./scrape-errors.js";

/** Largest body after decompression, when the configuration sets no `body_size_limit`. */
export const MAX_BODY_BYTES = 67_108_864;
/** Most samples of a body, when the configuration sets no `sample_limit`. */
export const MAX_SAMPLES = MAX_LAYOUT_SERIES - REPORT_COUNT;
/** Most samples of a body from which relabelling may drop some. */
export const MAX_SAMPLES_BEFORE_RELABELING = 2 * MAX_LAYOUT_SERIES;
/** Most redirects that are followed, all of them within the host of the target. */
const MAX_REDIRECTS = 3;

const ACCEPT =
  "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75," +
  "text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
const OK = 200;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
const MILLISECONDS_PER_SECOND = 1000;

export interface ScrapeRequest {
  readonly target: Target;
  readonly sendHttp: SendHttp;
  readonly agent: HttpAgent;
  readonly signal: AbortSignal;
  readonly headers: Readonly<Record<string, string>>;
  readonly clock: Clock;
}

export interface ScrapeAnswer {
  readonly body: Buffer;
  readonly contentType: string | undefined;
  /** Must be called when the body is no longer needed. */
  readonly release: () => void;
}

const NOTHING_TO_RELEASE = (): void => undefined;

/**
 * Fetches the body of a target.
 *
 * @throws {HttpError} when no complete response arrived in time, or the body exceeds the limit
 * @throws {ScrapeAnswerError} when the response is not a body of samples
 */
export async function requestBody(request: ScrapeRequest): Promise<ScrapeAnswer> {
  const { clock, target, sendHttp, signal } = request;
  const { timeoutMs: wholeMs } = target.settings;
  const maxBodyBytes = largestBody(target.settings);
  const maxLines = maxSamplesOf(target.settings);
  const startMs = clock.monotonicMs();
  let timeoutMs = wholeMs;
  let { headers } = request;
  let { url } = target;
  let stranger: HttpAgent | undefined;
  try {
    for (let redirects = 0; ; redirects++) {
      const agent = stranger ?? request.agent;
      const limits = { timeoutMs, maxBodyBytes, maxLines };
      const response = await sendHttp({ url, headers, ...limits, agent, signal });
      const { body, release = NOTHING_TO_RELEASE } = response;
      if (response.status === OK)
        return { body, release, contentType: response.headers["content-type"] };
      release();
      const next = redirectOf(response, url, redirects, target.settings);
      // Credentials and certificate are for the protocol, host and port of the target alone.
      if (next.origin !== new URL(url).origin) {
        headers = withoutHeaders(headers, target.settings.headers);
        stranger ??= request.agent.withoutClientCertificate();
      }
      url = next.href;
      timeoutMs = Math.max(1, Math.round(startMs + wholeMs - clock.monotonicMs()));
    }
  } finally {
    stranger?.close();
  }
}

/** The request headers of a job, one object for all of its scrapes. */
export class ScrapeHeaders {
  private readonly bySettings = new WeakMap<ScrapeSettings, Readonly<Record<string, string>>>();

  constructor(private readonly userAgent: string) {}

  of(settings: ScrapeSettings): Readonly<Record<string, string>> {
    const known = this.bySettings.get(settings);
    if (known !== undefined) return known;
    const headers = {
      Accept: settings.accept ?? ACCEPT,
      "Accept-Encoding": settings.usesCompression ? "gzip" : "identity",
      "User-Agent": this.userAgent,
      "X-Prometheus-Scrape-Timeout-Seconds": String(settings.timeoutMs / MILLISECONDS_PER_SECOND),
      ...settings.headers,
    };
    this.bySettings.set(settings, headers);
    return headers;
  }
}

/** @throws {ScrapeAnswerError} unless the response is a redirect that may be followed */
function redirectOf(
  response: HttpResponse,
  url: string,
  redirects: number,
  { followsRedirects }: ScrapeSettings,
): URL {
  const { location } = response.headers;
  if (!REDIRECTS.has(response.status) || location === undefined || !followsRedirects) {
    throw new ScrapeAnswerError(`server returned HTTP status ${response.status}, it must be 200`);
  }
  const next = URL.canParse(location, url) ? new URL(location, url) : undefined;
  // Same host only: a Pi must not be able to redirect the scraper's requests and credentials
  // elsewhere.
  if (next?.hostname !== new URL(url).hostname || !/^https?:$/.test(next.protocol)) {
    throw new ScrapeAnswerError(
      `Cannot follow the redirect to "${location}": it must lead to the same host`,
    );
  }
  if (redirects >= MAX_REDIRECTS) {
    throw new ScrapeAnswerError(
      `Cannot follow the redirect to "${location}": at most ${MAX_REDIRECTS} are followed`,
    );
  }
  return next;
}

function withoutHeaders(
  headers: Readonly<Record<string, string>>,
  removed: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !(name in removed)));
}

/** The error that the scrape of this target reports for a request or a body that failed. */
export function explainFailure(error: unknown, settings: ScrapeSettings): unknown {
  if (error instanceof TooManySamplesError) return tooManySamples(settings);
  if (!(error instanceof HttpError)) return error;
  if (error.code === "too_many_lines") return tooManySamples(settings);
  if (error.code !== "too_large") return error;
  return new ScrapeLimitError(
    "body_size_limit",
    `body size limit exceeded (limit: ${largestBody(settings)} bytes)`,
  );
}

/**
 * Most samples of a large body, after which it is not read any further. Relabelling may drop samples,
 * so that only the body as a whole shows how many are left.
 */
export function maxSamplesOf({ sampleLimit, metricRelabeling }: ScrapeSettings): number {
  if (metricRelabeling !== NO_RELABELING) return MAX_SAMPLES_BEFORE_RELABELING;
  return sampleLimit === 0 ? MAX_SAMPLES : Math.min(sampleLimit, MAX_SAMPLES);
}

function tooManySamples(settings: ScrapeSettings): ScrapeLimitError {
  const limit = maxSamplesOf(settings);
  return new ScrapeLimitError(
    "sample_limit",
    `sample limit exceeded (samples: more than ${limit}, limit: ${limit})`,
  );
}

function largestBody({ bodySizeLimitBytes }: ScrapeSettings): number {
  return bodySizeLimitBytes === 0 ? MAX_BODY_BYTES : Math.min(bodySizeLimitBytes, MAX_BODY_BYTES);
}
