import type { HttpHeaders } from "../../../exporter/shared/platform/http/http-message.js";
import type { PausePoints } from "../../base/paced-sort.js";
import type { Parameters } from "./parameters.js";

export interface ApiRequest {
  readonly parameters: Parameters;
  /** The decoded value of a named part of the path, such as `:name`. */
  pathParameter(name: string): string;
  readonly headers: Readonly<HttpHeaders>;
  /** Empty for GET; at most `MAX_BODY_BYTES`. */
  readonly body: Buffer;
  /** Address of the peer, IPv4 without the `::ffff:` prefix. */
  readonly remoteAddress: string;
  /** Aborted when the client disconnects before the response is complete. */
  readonly signal: AbortSignal;
  /** Loops over all targets, series or alerts pause here: `if (pace.isDue(1)) await pace.pause();` */
  readonly pace: PausePoints;
}

/** `data` is sent in Prometheus' envelope, `json` as it is, and `text` with any content type. */
export type ApiResponse =
  | {
      readonly kind: "data";
      /**
       * JSON text in chunks, or a value as for JSON.stringify, in which an array may also be another
       * iterable. Each is rendered while it is sent, with pauses for other work; items that are
       * undefined are left out.
       */
      readonly data:
        { readonly chunks: Iterable<string | Uint8Array> } | { readonly value: unknown };
      readonly warnings?: readonly string[];
      readonly infos?: readonly string[];
      /** Called once, when the answer has been sent or the client has gone. */
      readonly release?: () => void;
    }
  | { readonly kind: "json"; readonly status: number; readonly value: unknown }
  | {
      readonly kind: "text";
      readonly status: number;
      readonly contentType: string;
      /** In chunks where the body may be large. */
      readonly body: string | Buffer | Iterable<string>;
      readonly headers?: Readonly<Record<string, string>>;
      readonly release?: () => void;
    };

export interface Route {
  readonly methods: readonly ("GET" | "POST" | "PUT" | "DELETE")[];
  /** Express 5 syntax: `/api/v1/label/:name/values`. */
  readonly path: string;
  /** True for a route that changes something: the request needs the fleet token. */
  readonly needsToken?: boolean;
  /** The form of an error: Prometheus' envelope (the default), Alertmanager's JSON, or plain text. */
  readonly errorStyle?: "prometheus" | "alertmanager" | "text";
  handle(request: ApiRequest): Promise<ApiResponse>;
}

export const dataResponse = (value: unknown): ApiResponse => ({ kind: "data", data: { value } });

export const textResponse = (body: string, status = 200): ApiResponse => ({
  kind: "text",
  status,
  contentType: "text/plain; charset=utf-8",
  body,
});
