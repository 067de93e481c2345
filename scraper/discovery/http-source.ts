import { BadInputError, messageOf, PihealthError } from "../../exporter/shared/model/errors.js";
import { createClientAgent } from "../http-client/http-client-agent.js";
import type { GroupSource, SourceParts } from "./group-source.js";
import type { HttpDiscovery } from "./discoveries-config.js";
import { parseTargetGroupsJson, type TargetGroup } from "./target-group.js";

const TIMEOUT_MS = 30_000;
const MAX_BODY_BYTES = 33_554_432;

/** Targets from a server that returns the JSON of Prometheus' HTTP service discovery. */
export class HttpSource implements GroupSource {
  readonly origin: string;
  readonly refreshMs: number;
  failures = 0;
  private current: readonly TargetGroup[] = [];
  private currentText: string | undefined;
  private problem = "";

  constructor(
    private readonly discovery: HttpDiscovery,
    private readonly parts: SourceParts,
  ) {
    this.origin = discovery.url;
    this.refreshMs = discovery.refreshMs;
  }

  groups(): readonly TargetGroup[] {
    return this.current;
  }

  async refresh(signal?: AbortSignal): Promise<boolean> {
    try {
      const text = await this.fetchText(signal);
      this.problem = "";
      if (text === this.currentText) return false;
      this.current = parseTargetGroupsJson(text, this.origin).map((group) =>
        withUrl(group, this.origin),
      );
      this.currentText = text;
      return true;
    } catch (error) {
      if (!(error instanceof PihealthError)) throw error;
      this.fail(messageOf(error));
      return false;
    }
  }

  private async fetchText(signal: AbortSignal | undefined): Promise<string> {
    const { url, client, refreshMs } = this.discovery;
    const agent = createClientAgent(client.connection, { maxSockets: 1, keepAliveMs: 0 });
    try {
      const response = await this.parts.sendHttp({
        url,
        headers: {
          ...client.headers,
          Accept: "application/json",
          "X-Prometheus-Refresh-Interval-Seconds": String(refreshMs / 1000),
        },
        timeoutMs: Math.min(TIMEOUT_MS, refreshMs),
        maxBodyBytes: MAX_BODY_BYTES,
        agent,
        ...(signal === undefined ? {} : { signal }),
      });
      const contentType = response.headers["content-type"] ?? "";
      if (response.status !== 200)
        throw refusal(url, `the status is ${response.status}, it must be 200`);
      if (!/^application\/json\s*(;|$)/i.test(contentType)) {
        throw refusal(url, `the content type is "${contentType}", it must be application/json`);
      }
      return response.body.toString("utf8");
    } finally {
      agent.close();
    }
  }

  private fail(problem: string): void {
    this.failures++;
    if (problem !== this.problem) {
      this.parts.log.warn(
        "Cannot use response of discovery server: its previous targets are kept",
        {
          url: this.origin,
          error: problem,
        },
      );
    }
    this.problem = problem;
  }
}

const refusal = (url: string, detail: string): BadInputError =>
  new BadInputError(`Cannot read targets of "${url}": ${detail}`);

function withUrl(group: TargetGroup, url: string): TargetGroup {
  return { ...group, labels: { ...group.labels, __meta_url: url } };
}
