import { Parameters } from "../../../../scraper/api/http/parameters.js";
import { NEVER_PAUSE } from "../../../../scraper/storage/model/querier.js";
import type { ApiRequest } from "../../../../scraper/api/http/route.js";

/** A request for a route under test, without the HTTP server. */
export function createRequest({
  query = "",
  body = "",
  remoteAddress = "127.0.0.1",
}: {
  readonly query?: string;
  readonly body?: string;
  readonly remoteAddress?: string;
}): ApiRequest {
  return {
    parameters: new Parameters(new URLSearchParams(query)),
    pathParameter: () => "",
    headers: {},
    body: Buffer.from(body),
    remoteAddress,
    signal: new AbortController().signal,
    pace: NEVER_PAUSE,
  };
}
