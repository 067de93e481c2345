import { BadInputError, messageOf } from "../shared/model/errors.js";
import type { Files } from "../shared/platform/files.js";
import type { HttpAgent, SendHttp } from "../shared/platform/http/http-client.js";

/** Masters are few, and each gets one heartbeat and one message with alarms at a time. */
const MAX_SOCKETS_PER_MASTER = 2;

/**
 * Sends over connections that are kept alive. The client is loaded at the first request, so an
 * exporter without a master does not need its memory.
 *
 * @param caFile PEM file of the authority that signs the masters' certificates; undefined for the
 * system's authorities
 * @throws {BadInputError} when the file cannot be read
 */
export async function createLazyHttp(caFile: string | undefined, files: Files): Promise<SendHttp> {
  const tls = caFile === undefined ? {} : { ca: await readAuthority(caFile, files) };
  let agent: HttpAgent | undefined;
  return async (request) => {
    const { createHttpAgent, sendHttp } = await import("../shared/platform/http/http-client.js");
    agent ??= createHttpAgent({ maxSockets: MAX_SOCKETS_PER_MASTER, tls });
    return sendHttp({ ...request, agent });
  };
}

async function readAuthority(caFile: string, files: Files): Promise<string> {
  try {
    return await files.readText(caFile);
  } catch (error) {
    throw new BadInputError(`Cannot read certificate authority "${caFile}": ${messageOf(error)}`, {
      cause: error,
    });
  }
}
