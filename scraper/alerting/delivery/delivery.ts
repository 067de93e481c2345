import { codeOf, messageOf } from "../../../exporter/shared/model/errors.js";
import { withoutSecretUrl } from "../../../exporter/shared/model/shown-text.js";
import type { Files } from "../../../exporter/shared/platform/files.js";
import {
  HttpError,
  type HttpResponse,
  type SendHttp,
} from "../../../exporter/shared/platform/http/http-client.js";
import { createClientAgent } from "../../http-client/http-client-agent.js";
import { loadHttpClient } from "../../http-client/http-client-config.js";
import { MailError, type MailTransport } from "./mail-transport.js";
import type {
  EmailIntegration,
  Integration,
  NotificationConfig,
  WebhookIntegration,
} from "../config/notification-config.js";
import type { Deliver, DeliveryOutcome } from "./outbox-sender.js";
import type { Fault } from "./retry-schedule.js";
import type { MailMessage, OutboxMessage, OutboxPayload } from "../messages/outbox-message.js";
import { readSecret, resolveMailServer } from "./secret-files.js";

/** How messages leave this machine. */
export interface Transports {
  readonly mail: MailTransport;
  readonly http: SendHttp;
}

const MAX_WEBHOOK_REPLY_BYTES = 65_536;
const DONE: DeliveryOutcome = {
  rest: undefined,
  refusals: [],
  problem: "",
  fault: "message",
};

interface DeliveryOptions {
  /** The present configuration, so that waiting messages use corrected settings. */
  readonly config: () => NotificationConfig;
  readonly files: Files;
  readonly transports: Transports;
}

/** Creates the function that delivers a message of the outbox. */
export function createDelivery({ config, files, transports }: DeliveryOptions): Deliver {
  return async (message, signal) => {
    const { payload } = message;
    const integration = integrationOf(config(), message);
    if (integration?.kind === "email" && payload.kind === "email") {
      return deliverMail(payload.mail, integration, { files, mail: transports.mail, signal });
    }
    if (integration?.kind === "webhook" && payload.kind === "webhook") {
      return deliverWebhook(payload, integration, { files, http: transports.http, signal });
    }
    return refused(
      message.receiver,
      `the configuration has no such ${payload.kind} receiver any more`,
    );
  };
}

/** Names the server of a message; messages to one server wait together while it is not reached. */
export function serverOf(
  config: NotificationConfig,
  place: Pick<OutboxMessage, "receiver" | "integration">,
): string {
  const integration = integrationOf(config, place);
  if (integration === undefined) return "";
  if (integration.kind === "email") return `${integration.server.host}:${integration.server.port}`;
  return integration.url.kind === "text"
    ? new URL(integration.url.text).host
    : integration.url.path;
}

function integrationOf(
  config: NotificationConfig,
  { receiver, integration }: Pick<OutboxMessage, "receiver" | "integration">,
): Integration | undefined {
  return config.receivers.get(receiver)?.integrations[integration];
}

async function deliverMail(
  mail: MailMessage,
  integration: EmailIntegration,
  { files, mail: transport, signal }: { files: Files; mail: MailTransport; signal: AbortSignal },
): Promise<DeliveryOutcome> {
  const payloadFor = (recipients: readonly string[]): OutboxPayload | undefined =>
    recipients.length === 0 ? undefined : { kind: "email", mail: { ...mail, recipients } };
  try {
    const rejected = await transport.send(
      await resolveMailServer(integration.server, files),
      mail,
      { signal },
    );
    const later = rejected.filter(({ isPermanent }) => !isPermanent);
    return {
      rest: payloadFor(later.map(({ recipient }) => recipient)),
      refusals: rejected.filter(({ isPermanent }) => isPermanent),
      problem: later[0]?.reply ?? "",
      fault: "message",
    };
  } catch (error) {
    // A secret or a certificate cannot be read.
    if (!(error instanceof MailError)) return failed({ kind: "email", mail }, error, "denied");
    return outcomeOfMailError(error, mail, payloadFor);
  }
}

function outcomeOfMailError(
  error: MailError,
  mail: MailMessage,
  payloadFor: (recipients: readonly string[]) => OutboxPayload | undefined,
): DeliveryOutcome {
  const { fault, message: problem } = error;
  if (error.refused.length > 0) {
    const later = error.refused
      .filter(({ isPermanent }) => !isPermanent)
      .map(({ recipient }) => recipient);
    const refusals = error.refused.filter(({ isPermanent }) => isPermanent);
    return { rest: payloadFor(later), refusals, problem, fault };
  }
  if (!error.isPermanent) return { rest: { kind: "email", mail }, refusals: [], problem, fault };
  const refusals = mail.recipients.map((recipient) => ({ recipient, reply: problem }));
  return { rest: undefined, refusals, problem, fault };
}

async function deliverWebhook(
  payload: OutboxPayload & { kind: "webhook" },
  integration: WebhookIntegration,
  { files, http, signal }: { files: Files; http: SendHttp; signal: AbortSignal },
): Promise<DeliveryOutcome> {
  try {
    const url = await readSecret(integration.url, files);
    const response = await post(url, payload.body, integration, { files, http, signal });
    if (response.status >= 200 && response.status < 300) return DONE;
    const body = withoutSecretUrl(response.body.toString("utf8", 0, 200), url);
    const reply = `status ${response.status}: ${body}`;
    return failed(payload, new Error(reply), faultOfStatus(response.status));
  } catch (error) {
    return failed(payload, error, faultOfHttpError(error));
  }
}

async function post(
  startUrl: string,
  body: string,
  integration: WebhookIntegration,
  { files, http, signal }: { files: Files; http: SendHttp; signal: AbortSignal },
): Promise<HttpResponse> {
  const client = await loadHttpClient(integration.http, files, integration.folder);
  let agent = createClientAgent(client.connection, { maxSockets: 1, keepAliveMs: 0 });
  let url = startUrl;
  let { headers } = client;
  try {
    for (let redirects = 0; ; redirects++) {
      const response = await http({
        url,
        isSecretUrl: true,
        method: "POST",
        headers: { ...headers, "content-type": "application/json", "user-agent": "pihealth" },
        body,
        timeoutMs: integration.timeoutMs,
        maxBodyBytes: MAX_WEBHOOK_REPLY_BYTES,
        agent,
        signal,
      });
      const { location } = response.headers;
      const isFollowed = client.followsRedirects && redirects < MAX_REDIRECTS;
      if (!isFollowed || !KEEPING_REDIRECTS.has(response.status) || location === undefined)
        return response;
      const next = new URL(location, url);
      // node-fetch "answers" data: URLs itself, and the message would count as delivered.
      if (!/^https?:$/.test(next.protocol)) return response;
      // Certificate, credentials and extra headers are for the server of the configuration alone.
      if (next.origin !== new URL(url).origin) {
        headers = {};
        agent.close();
        agent = agent.withoutClientCertificate();
      }
      url = next.href;
    }
  } finally {
    agent.close();
  }
}

/** Redirects that keep method and body; with the others, the message would be lost. */
const KEEPING_REDIRECTS = new Set([307, 308]);
const MAX_REDIRECTS = 10;

/** Statuses that need a correction of the configuration, or patience. */
const DENIED_STATUSES = new Set([401, 403, 407, 429]);
/** Statuses about the whole path. */
const UNAVAILABLE_STATUSES = new Set([404, 405, 408, 410]);

function faultOfStatus(status: number): Fault {
  if (DENIED_STATUSES.has(status)) return "denied";
  // A redirect that is not followed is a wrong URL.
  const isUnavailable = status >= 500 || status < 400 || UNAVAILABLE_STATUSES.has(status);
  return isUnavailable ? "unavailable" : "message";
}

/** Failures to connect. Other errors, such as a stall, may be the fault of one path of the server. */
const CONNECTION_CODES = new Set([
  "ECONNREFUSED",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EHOSTDOWN",
  "ENOTFOUND",
  "EAI_AGAIN",
  "ETIMEDOUT",
]);

function faultOfHttpError(error: unknown): Fault {
  const cause = error instanceof HttpError ? error.cause : undefined;
  return CONNECTION_CODES.has(codeOf(cause) ?? "") ? "connection" : "unavailable";
}

function failed(rest: OutboxPayload, error: unknown, fault: Fault): DeliveryOutcome {
  return { rest, refusals: [], problem: messageOf(error), fault };
}

function refused(recipient: string, reply: string): DeliveryOutcome {
  return {
    rest: undefined,
    refusals: [{ recipient, reply }],
    problem: reply,
    fault: "message",
  };
}
