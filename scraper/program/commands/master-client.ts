import { BadInputError, messageOf } from "../../../exporter/shared/model/errors.js";
import { readFleetToken } from "../../../exporter/shared/codec/fleet-token.js";
import { realFiles } from "../../../exporter/shared/platform/files.js";
import { type HttpResponse, sendHttp } from "../../../exporter/shared/platform/http/http-client.js";

export const DEFAULT_MASTER_URL = "http://127.0.0.1:8730";
const TIMEOUT_MS = 130_000; // A little more than the scraper's own limit for a query.
const MAX_ANSWER_BYTES = 268_435_456;

/** How commands reach a running scraper. */
export interface MasterAddress {
  readonly url: string;
  /** For commands that change something. */
  readonly tokenFile?: string | undefined;
}

/**
 * Asks Prometheus' API for its `data`.
 *
 * @throws {BadInputError} with the scraper's own message when it refuses
 */
export async function getData(
  master: MasterAddress,
  path: string,
  parameters: Readonly<Record<string, string>> = {},
): Promise<unknown> {
  const query = new URLSearchParams(parameters).toString();
  const response = await send(master, "GET", query === "" ? path : `${path}?${query}`);
  const answer = parseJson(response) as { status?: string; data?: unknown; error?: string };
  if (answer.status === "success") return answer.data;
  throw new BadInputError(`Cannot get "${path}": ${answer.error ?? `status ${response.status}`}`);
}

/**
 * Posts a text to Prometheus' API.
 *
 * @returns its `data`
 * @throws {BadInputError} with the scraper's own message
 */
export async function postText(
  master: MasterAddress,
  path: string,
  parameters: Readonly<Record<string, string>>,
  text: string,
): Promise<unknown> {
  const { url, tokenFile } = master;
  const response = await sendHttp({
    url: `${baseUrl(url)}${path}?${new URLSearchParams(parameters).toString()}`,
    method: "POST",
    headers: { "Content-Type": "text/plain; charset=utf-8", ...(await authorization(tokenFile)) },
    body: text,
    timeoutMs: TIMEOUT_MS,
    maxBodyBytes: MAX_ANSWER_BYTES,
  });
  const answer = parseJson(response) as { status?: string; data?: unknown; error?: string };
  if (answer.status === "success") return answer.data;
  throw new BadInputError(
    `Cannot post to "${path}": ${answer.error ?? `status ${response.status}`}`,
  );
}

async function authorization(tokenFile: string | undefined): Promise<Record<string, string>> {
  return tokenFile === undefined
    ? {}
    : { Authorization: `Bearer ${await readFleetToken(tokenFile, realFiles)}` };
}

/** Calls Alertmanager's API, which has no envelope. */
export async function callAlertmanager(
  master: MasterAddress,
  method: "GET" | "POST" | "DELETE",
  path: string,
  body?: unknown,
): Promise<unknown> {
  const response = await send(master, method, path, body);
  if (response.status === 200) return response.body.length === 0 ? undefined : parseJson(response);
  throw new BadInputError(
    `Cannot ${method} "${path}": status ${response.status}, ${refusalOf(response)}`,
  );
}

/** Alertmanager answers a text in quotes, or an object with a code and a message. */
function refusalOf({ body }: HttpResponse): string {
  const text = body.toString("utf8").trim();
  try {
    const value = JSON.parse(text) as unknown;
    const message =
      typeof value === "string" ? value : (value as { message?: unknown } | null)?.message;
    return typeof message === "string" ? message : text;
  } catch {
    return text; // Whatever stands between us and the scraper wrote it.
  }
}

async function send(
  { url, tokenFile }: MasterAddress,
  method: "GET" | "POST" | "DELETE",
  path: string,
  body?: unknown,
): Promise<HttpResponse> {
  return sendHttp({
    url: baseUrl(url) + path,
    method,
    headers: {
      ...(body === undefined ? {} : { "Content-Type": "application/json" }),
      ...(await authorization(tokenFile)),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    timeoutMs: TIMEOUT_MS,
    maxBodyBytes: MAX_ANSWER_BYTES,
  });
}

function baseUrl(url: string): string {
  const withScheme = /^https?:\/\//.test(url) ? url : `http://${url}`;
  if (URL.canParse(withScheme)) return withScheme.replace(/\/+$/, "");
  throw new BadInputError(`Cannot use address "${url}": it must be like ${DEFAULT_MASTER_URL}`);
}

function parseJson(response: HttpResponse): unknown {
  try {
    return JSON.parse(response.body.toString("utf8"));
  } catch (error) {
    const detail = `status ${response.status} with a body that is not JSON (${messageOf(error)})`;
    throw new BadInputError(`Cannot read the answer: ${detail}; is this a pihealth scraper?`, {
      cause: error,
    });
  }
}
