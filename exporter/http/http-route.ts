/** One request as the rooms see it, without the framework. Header names are in lower case. */
export interface HttpQuestion {
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Values of the named parts of the path. */
  readonly parameters: Readonly<Record<string, string>>;
  /** Address of who asks; empty when the connection is gone. */
  readonly peer: string;
  /** True for HEAD: the answer's body will not be sent. */
  readonly isHead: boolean;
}

/** A body too large for memory. */
export interface StreamedBody {
  readonly sizeBytes: number;
  /** Taken once, unless the request was a HEAD. */
  readonly pieces: AsyncIterable<Uint8Array>;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | string | StreamedBody;
}

/** A path that answers GET and HEAD; other methods are refused with 405. */
export interface HttpRoute {
  /** As express writes it: `/history/:name`. */
  readonly path: string;
  /** Open routes answer without basic authentication. */
  readonly isOpen?: boolean;
  answer(question: HttpQuestion): Promise<HttpAnswer> | HttpAnswer;
}

export function textAnswer(status: number, text: string): HttpAnswer {
  return { status, headers: { "content-type": "text/plain; charset=utf-8" }, body: `${text}\n` };
}
