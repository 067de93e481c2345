import { once } from "node:events";
import type { ServerResponse } from "node:http";

/** A client that reads nothing for this long is disconnected, so that it does not block other transfers. */
const STALL_MS = 30_000;

/**
 * Writes a body piece by piece, as fast as the client reads it. The head must have been written.
 * Stops when the client disconnects or stalls. An error of `pieces` closes the connection, so that
 * the client does not take a part of the body for the whole body.
 */
export async function streamBody(
  response: ServerResponse,
  pieces: AsyncIterable<Uint8Array>,
): Promise<void> {
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  response.setTimeout(STALL_MS, () => response.destroy());
  try {
    for await (const piece of pieces) {
      if (gone.signal.aborted) return;
      if (response.write(piece)) continue;
      await once(response, "drain", { signal: gone.signal });
    }
    response.end();
  } catch (error) {
    response.destroy();
    if (!gone.signal.aborted) throw error;
  } finally {
    response.setTimeout(0);
  }
}
