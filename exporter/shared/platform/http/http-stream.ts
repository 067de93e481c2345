import { once } from "node:events";
import type { ServerResponse } from "node:http";

/** A client that takes nothing for this long is cut off, so that it holds no place. */
const STALL_MS = 30_000;

/**
 * Writes a body piece by piece, as fast as the client takes it. The head has been written. A client
 * that goes away or stalls ends it; an error of `pieces` cuts the connection, so that the client
 * does not take the part for the whole.
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
