import {
  HttpError,
  type HttpResponse,
  type SendHttp,
} from "../shared/platform/http/http-client.js";
import type { UplinkToken } from "./uplink-token.js";

/** Outcome of a request to a master, as in the `outcome` label of metrics. */
export type MasterOutcome = "ok" | "refused" | "rejected" | "failed" | "timeout" | "unreachable";

export const MASTER_OUTCOMES: readonly MasterOutcome[] = [
  "ok",
  "refused",
  "rejected",
  "failed",
  "timeout",
  "unreachable",
];

export interface MasterReply {
  readonly outcome: MasterOutcome;
  /** The reason, for people; empty when the outcome is ok. */
  readonly detail: string;
  readonly body: Buffer;
}

interface MasterClientParts {
  readonly sendHttp: SendHttp;
  readonly token: UplinkToken;
}

const TIMEOUT_MS = 10_000;
const MAX_REPLY_BYTES = 65_536;
/** Longest text of a master that is logged. */
const MAX_REASON_LENGTH = 300;
const NOTHING = Buffer.alloc(0);

/** Posts JSON to masters with the fleet token. Never rejects: an error is an outcome. */
export class MasterClient {
  constructor(private readonly parts: MasterClientParts) {}

  async post(url: string, body: string, signal: AbortSignal): Promise<MasterReply> {
    const { sendHttp, token } = this.parts;
    const headers = {
      "content-type": "application/json",
      "user-agent": "pihealth-exporter",
      ...token.headers(),
    };
    const limits = { timeoutMs: TIMEOUT_MS, maxBodyBytes: MAX_REPLY_BYTES };
    try {
      const response = await sendHttp({ url, method: "POST", headers, body, signal, ...limits });
      if (response.status === 401 || response.status === 403) await token.reload();
      return replyOf(response);
    } catch (error) {
      if (!(error instanceof HttpError)) throw error;
      return {
        outcome: error.code === "timeout" ? "timeout" : "unreachable",
        detail: error.message,
        body: NOTHING,
      };
    }
  }
}

function replyOf({ status, body }: HttpResponse): MasterReply {
  if (status >= 200 && status < 300) return { outcome: "ok", detail: "", body };
  const reason = reasonIn(body);
  const detail = reason === "" ? `status ${status}` : `status ${status}: ${reason}`;
  return { outcome: outcomeOf(status), detail, body };
}

/** The error text of a scraper's answer, or of a page in plain text. */
function reasonIn(body: Buffer): string {
  const text = body.toString("utf8").trim();
  const error = /^\{[^]*"error":"((?:[^"\\]|\\.)*)"/.exec(text)?.[1];
  const reason = error?.replaceAll(/\\(.)/g, "$1") ?? (/^[{<]/.test(text) ? "" : text);
  return reason.replace(/[\p{C}\s]+/gu, " ").slice(0, MAX_REASON_LENGTH);
}

/**
 * A rejected request would be rejected again. After any other outcome, a repetition may succeed.
 */
function outcomeOf(status: number): MasterOutcome {
  if (status === 401 || status === 403) return "refused";
  return status === 400 || status === 413 || status === 422 ? "rejected" : "failed";
}
