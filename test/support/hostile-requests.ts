import assert from "node:assert/strict";
import { Agent, request } from "node:http";

/** A request to one route of a program under test. */
export interface HostileRequest {
  readonly method: string;
  /** With the query string, as it is sent. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | string;
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** Something of the inside of the program: a place in its code, or a text of the JavaScript engine. */
const INSIDE =
  /\bat .*\.[jt]s:\d+|node:internal|node_modules|[Ii]nternal error|is not a function|is not iterable|of undefined|of null/;
const CONCURRENT = 8;

/**
 * Sends the requests and fails unless each gets an answer that is no 5xx, except 503, and each error
 * says something and shows nothing of the inside of the program.
 */
export async function assertRefusedClearly(
  port: number,
  requests: readonly HostileRequest[],
): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONCURRENT });
  const problems: string[] = [];
  const waiting = [...requests];
  const work = async (): Promise<void> => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const problem = problemOf(next, await send(port, next, agent));
      if (problem !== undefined) problems.push(problem);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENT }, work));
  agent.destroy();
  assert.deepEqual(problems, []);
}

function problemOf({ method, path, body }: HostileRequest, answer: Answer): string | undefined {
  const { status, text } = answer;
  const isRight = (status >= 200 && status < 500) || status === 503;
  const isError = status >= 400 && method !== "HEAD";
  const isClear = !isError || (text.trim() !== "" && !INSIDE.test(text));
  if (isRight && isClear) return undefined;
  const sent = `${method} ${path.slice(0, 120)} ${body?.toString("latin1", 0, 40) ?? ""}`;
  return `${sent}: ${status} ${text.slice(0, 200)}`;
}

function send(
  port: number,
  { method, path, headers = {}, body }: HostileRequest,
  agent: Agent,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { "content-length": Buffer.byteLength(body) };
    const options = { port, host: "127.0.0.1", method, path, agent };
    const sent = request({ ...options, headers: { ...length, ...headers } }, (response) => {
      const pieces: Buffer[] = [];
      response.on("data", (piece: Buffer) => pieces.push(piece));
      response.on("error", reject);
      response.on("end", () => {
        resolve({
          status: response.statusCode ?? 0,
          text: Buffer.concat(pieces).toString("utf8"),
        });
      });
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

export const ALL_METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"];
