import { JsonFields } from "../../exporter/shared/codec/json-fields.js";
import { BadInputError } from "../../exporter/shared/model/errors.js";
import type { HttpAgent, SendHttp } from "../../exporter/shared/platform/http/http-client.js";
import { createClientAgent } from "../http-client/http-client-agent.js";
import type { DockerEndpoint } from "./docker-config.js";

const TIMEOUT_MS = 30_000;
const MAX_BODY_BYTES = 33_554_432;
const MAX_ITEMS = 100_000;

/**
 * The lists of the Docker Engine API that discovery reads. Paths have no version, so the daemon answers
 * in its own.
 */
export class DockerClient {
  private readonly agent: HttpAgent;

  constructor(
    private readonly endpoint: DockerEndpoint,
    private readonly sendHttp: SendHttp,
    private readonly signal: AbortSignal | undefined,
  ) {
    const { connection } = endpoint.client;
    const { socketPath } = endpoint;
    // Docker does not take the settings of the HTTP client for a socket, and neither does Prometheus.
    const limits = { maxSockets: 2, keepAliveMs: 0 };
    this.agent = createClientAgent(
      connection,
      socketPath === undefined ? limits : { ...limits, socketPath },
    );
  }

  /** The items of `/containers/json` and the like. */
  async list(path: string, isFiltered: boolean): Promise<JsonFields[]> {
    const { url, client, filters } = this.endpoint;
    const query =
      isFiltered && Object.keys(filters).length > 0
        ? `?filters=${encodeURIComponent(JSON.stringify(filters))}`
        : "";
    const address = `${url}${path}${query}`;
    const response = await this.sendHttp({
      url: address,
      headers: { ...client.headers, Accept: "application/json", "User-Agent": "pihealth" },
      timeoutMs: TIMEOUT_MS,
      maxBodyBytes: MAX_BODY_BYTES,
      agent: this.agent,
      ...(this.signal === undefined ? {} : { signal: this.signal }),
    });
    const text = response.body.toString("utf8");
    if (response.status !== 200) {
      const detail = text.slice(0, 200).trim();
      throw new BadInputError(
        `Cannot read ${path} of Docker: the status is ${response.status}, it must be 200: ${detail}`,
      );
    }
    return JsonFields.parseList(text, `${path} of Docker`, { maxLength: MAX_ITEMS });
  }

  close(): void {
    this.agent.close();
  }
}
