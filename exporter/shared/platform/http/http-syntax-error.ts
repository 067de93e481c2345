/** What came is not an answer in HTTP/1.1. */
export class HttpSyntaxError extends Error {
  readonly code = "bad_http";
}
