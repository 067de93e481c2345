/** The requests and responses that an HTTP server of either program handles. */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";

export interface HttpRequest extends IncomingMessage {
  /** Set by the handler when the request has the right credentials: its connection is kept longer. */
  hasCredentials?: boolean;
}
export type HttpResponse = ServerResponse;
/** Called with the requests of a connection one at a time. */
export type HttpHandler = (request: HttpRequest, response: HttpResponse) => void;
/** Names in lower case. */
export type HttpHeaders = IncomingHttpHeaders;
