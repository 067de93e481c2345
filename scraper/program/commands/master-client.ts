import { readFleetToken } from "../../../exporter/shared/codec/fleet-token.js";
import { JsonFields, parseJson } from "../../../exporter/shared/codec/json-fields.js";
import { BadInputError, messageOf } from "../../../exporter/shared/model/errors.js";
import { realFiles } from "../../../exporter/shared/platform/real-files.js";
import { type HttpResponse, sendHttp } from "../../../exporter/shared/platform/http/http-client.js";
import { DEFAULT_MASTER_URL } from "./defaults.js";

const TIMEOUT_MS = 130_000; // A little longer than the scraper's default limit for a query.
const MAX_ANSWER_BYTES = 268_435_456;

/** Where commands reach a running scraper. */
export interface MasterAddress {
  readonly url: string;
  /** Fleet token, for commands that change something. */
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
): Promise<JsonFields> {
  const query = new URLSearchParams(parameters).toString();
  const response = await send(master, "GET", query === "" ? path : `${path}?${query}`);
  return dataOf(response, `Cannot get "${path}"`);
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
): Promise<JsonFields> {
  const { url, tokenFile } = master;
  const response = await sendHttp({
    url: `${baseUrl(url)}${path}?${new URLSearchParams(parameters).toString()}`,
    method: "POST",
    headers: { "Content-Type": "text/plain; charset=utf-8", ...(await authorization(tokenFile)) },
    body: text,
    timeoutMs: TIMEOUT_MS,
    maxBodyBytes: MAX_ANSWER_BYTES,
  });
  return dataOf(response, `Cannot post to "${path}"`);
}

/** @throws {BadInputError} beginning with `failure` when the scraper refuses */
function dataOf({ body, status }: HttpResponse, failure: string): JsonFields {
  const answer = parseAnswer(body, status);
  if (answer.value("status") === "success") return answer.object("data");
  const reason = answer.optional("error", (key) => answer.text(key)) ?? `status ${status}`;
  throw new BadInputError(`${failure}: ${reason}`);
}

function parseAnswer(body: Buffer, status: number): JsonFields {
  try {
    return JsonFields.parse(body.toString("utf8"), "the answer");
  } catch (error) {
    const detail = `${messageOf(error)} (status ${status}); is this a pihealth scraper?`;
    throw new BadInputError(detail, { cause: error });
  }
}

async function authorization(tokenFile: string | undefined): Promise<Record<string, string>> {
  return tokenFile === undefined
    ? {}
    : { Authorization: `Bearer ${await readFleetToken(tokenFile, realFiles)}` };
}

/**
 * Calls Alertmanager's API, which has no envelope.
 *
 * @returns the body
 */
export async function callAlertmanager(
  master: MasterAddress,
  method: "GET" | "POST" | "DELETE",
  path: string,
  body?: unknown,
): Promise<string> {
  const response = await send(master, method, path, body);
  if (response.status === 200) return response.body.toString("utf8");
  throw new BadInputError(
    `Cannot ${method} "${path}": status ${response.status}, ${refusalOf(response)}`,
  );
}

/** Alertmanager answers an error with a JSON text, or with an object that has a message. */
function refusalOf({ body }: HttpResponse): string {
  const text = body.toString("utf8").trim();
  try {
    const value = parseJson(text, "refusal");
    return typeof value === "string" ? value : JsonFields.parse(text, "refusal").text("message");
  } catch {
    return text; // A proxy between this command and the scraper may have written it.
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
  const withScheme = url.includes("://") ? url : `http://${url}`;
  const isHttp = /^https?:\/\//.test(withScheme);
  if (isHttp && URL.canParse(withScheme)) return withScheme.replace(/\/+$/, "");
  throw new BadInputError(`Cannot use address "${url}": it must be like ${DEFAULT_MASTER_URL}`);
}
