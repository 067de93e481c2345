import type { Parameters } from "./parameters.js";

export interface ApiRequest {
  readonly parameters: Parameters;
  /** Value of `:name` in the path of the route, decoded. */
  pathParameter(name: string): string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Empty for GET; at most `MAX_BODY_BYTES` long. */
  readonly body: Buffer;
  /** Address of the peer, IPv4 without the `::ffff:` prefix. */
  readonly remoteAddress: string;
  /** Aborted when the client goes away before it has its answer. */
  readonly signal: AbortSignal;
}

/** `data` goes into Prometheus' envelope; `json` is sent as it is; `text` is anything else. */
export type ApiResponse =
  | {
      readonly kind: "data";
      /** JSON text in pieces, or a value for JSON.stringify. */
      readonly data:
        { readonly chunks: Iterable<string | Uint8Array> } | { readonly value: unknown };
      readonly warnings?: readonly string[];
      readonly infos?: readonly string[];
    }
  | { readonly kind: "json"; readonly status: number; readonly value: unknown }
  | {
      readonly kind: "text";
      readonly status: number;
      readonly contentType: string;
      /** In pieces where it may be large. */
      readonly body: string | Buffer | Iterable<string>;
      readonly headers?: Readonly<Record<string, string>>;
    };

export interface Route {
  readonly methods: readonly ("GET" | "POST" | "PUT" | "DELETE")[];
  /** Express 5 syntax: `/api/v1/label/:name/values`. */
  readonly path: string;
  /** Changes something: needs the fleet token. */
  readonly needsToken?: boolean;
  /** The form of an error answer: Prometheus' envelope (the default), Alertmanager's JSON, or plain text. */
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
