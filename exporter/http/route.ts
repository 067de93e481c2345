import type { HttpHeaders } from "../shared/platform/http/http-message.js";
import type { PathParameters, RoutePattern } from "../shared/platform/http/route-table.js";

/** A request as the routes see it. */
export interface RouteRequest {
  readonly headers: Readonly<HttpHeaders>;
  readonly parameters: PathParameters;
  /** Address of the client; empty when the connection is gone. */
  readonly peer: string;
  /** True for HEAD: the body of the answer will not be sent. */
  readonly isHead: boolean;
}

/** A body too large for memory. */
export interface StreamedBody {
  readonly sizeBytes: number;
  /** Read once, and not at all for a HEAD request. */
  readonly pieces: AsyncIterable<Uint8Array>;
}

export interface RouteResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | string | StreamedBody;
}

/** A path that answers GET and HEAD; other methods get 405. */
export interface Route extends Pick<RoutePattern, "path"> {
  /** Open routes answer without basic authentication. */
  readonly isOpen?: boolean;
  /** Checks the `Authorization` header of a route that asks for something else than a password. */
  readonly hasCredentials?: (authorization: string | undefined) => boolean | undefined;
  handle(request: RouteRequest): Promise<RouteResponse> | RouteResponse;
}

export function textResponse(status: number, text: string): RouteResponse {
  return { status, headers: { "content-type": "text/plain; charset=utf-8" }, body: `${text}\n` };
}

export function withHeaders(
  answer: RouteResponse,
  headers: Readonly<Record<string, string>>,
): RouteResponse {
  return { ...answer, headers: { ...answer.headers, ...headers } };
}
