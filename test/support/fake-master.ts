import type {
  HttpRequest,
  HttpResponse,
  SendHttp,
} from "../../exporter/shared/platform/http/http-client.js";
import { HttpError } from "../../exporter/shared/platform/http/http-client.js";

/** The response of a master: a status, a status with a body, or no response. */
export type FakeAnswer =
  number | { readonly status: number; readonly body: string } | "unreachable" | "timeout" | "never";

/** Masters that record requests and respond as configured, by URL or for all. */
export class FakeMasters {
  readonly requests: HttpRequest[] = [];
  answer: (request: HttpRequest) => FakeAnswer = () => 200;

  readonly sendHttp: SendHttp = async (request) => {
    this.requests.push(request);
    return this.respond(request, this.answer(request));
  };

  /** Texts sent to URLs with this prefix. */
  bodies(urlStart = ""): string[] {
    const matching = this.requests.filter(({ url }) => url.startsWith(urlStart));
    return matching.map(({ body }) => String(body));
  }

  private respond(request: HttpRequest, answer: FakeAnswer): Promise<HttpResponse> {
    if (answer === "never") {
      return new Promise((_, reject) => {
        request.signal?.addEventListener("abort", () =>
          reject(new HttpError("aborted", "Cannot fetch: stopped")),
        );
      });
    }
    if (typeof answer === "string")
      return Promise.reject(new HttpError(answer, `Cannot fetch: ${answer}`));
    const { status, body } = typeof answer === "number" ? { status: answer, body: "" } : answer;
    return Promise.resolve({ status, headers: {}, body: Buffer.from(body) });
  }
}
