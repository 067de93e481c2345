import { codeOf, messageOf } from "../shared/model/errors.js";
import type { Files } from "../shared/platform/files.js";
import type { HttpAgent, SendHttp } from "../shared/platform/http/http-client.js";
import { localAddressFor } from "../shared/platform/http/local-address.js";

/** Masters are few, and each gets one heartbeat and one message with alarms at a time. */
const MAX_SOCKETS_PER_MASTER = 2;
/** The system cannot connect from the local address: it is of another family, or was removed. */
const NOT_FROM_HERE = new Set(["EADDRNOTAVAIL", "EAFNOSUPPORT", "EINVAL", "ENOTFOUND"]);

interface LazyHttpParts {
  /**
   * PEM file of the authority that signs the masters' certificates; undefined for the system's
   * authorities.
   */
  readonly caFile: string | undefined;
  /**
   * The address on which this exporter listens. Connections leave from it, because a master
   * identifies an exporter by the address of its heartbeats.
   */
  readonly listenAddress: string;
  readonly files: Files;
}

/**
 * Sends over connections that are kept alive. The client is loaded at the first request, so an
 * exporter without a master does not need its memory.
 *
 * Without an authority that can be read, requests fail and the file is read again at the next one.
 */
export function createLazyHttp(parts: LazyHttpParts): SendHttp {
  let ca: string | undefined;
  const agents = new Map<string | undefined, HttpAgent>();
  return async (request) => {
    const client = await import("../shared/platform/http/http-client.js");
    if (parts.caFile !== undefined && ca === undefined) {
      ca = await readAuthority(parts.caFile, parts.files).catch((error: unknown) => {
        throw new client.HttpError("unreachable", messageOf(error), { cause: error });
      });
    }
    const tls = ca === undefined ? {} : { ca };
    const sendFrom = (localAddress: string | undefined): ReturnType<SendHttp> => {
      const maxSockets = MAX_SOCKETS_PER_MASTER;
      const options =
        localAddress === undefined ? { maxSockets, tls } : { maxSockets, tls, localAddress };
      const agent = agents.get(localAddress) ?? client.createHttpAgent(options);
      agents.set(localAddress, agent);
      return client.sendHttp({ ...request, agent });
    };
    const localAddress = localAddressFor(request.url, parts.listenAddress);
    if (localAddress === undefined) return sendFrom(undefined);
    try {
      return await sendFrom(localAddress);
    } catch (error) {
      if (!(error instanceof client.HttpError)) throw error;
      if (!NOT_FROM_HERE.has(codeOf(error.cause) ?? "")) throw error;
      return sendFrom(undefined);
    }
  };
}

async function readAuthority(caFile: string, files: Files): Promise<string> {
  try {
    return await files.readText(caFile);
  } catch (error) {
    throw new Error(`Cannot read certificate authority "${caFile}": ${messageOf(error)}`, {
      cause: error,
    });
  }
}
