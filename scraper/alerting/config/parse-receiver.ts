import { NO_TLS } from "../../http-client/tls-config.js";
import path from "node:path";
import type { ConfigSection } from "../../../exporter/shared/config/config-section.js";
import { messageOf } from "../../../exporter/shared/model/errors.js";
import { Labels } from "../../../exporter/shared/model/labels.js";
import { parseHttpClient, type HttpClientConfig } from "../../http-client/http-client-config.js";
import type {
  EmailIntegration,
  Integration,
  Receiver,
  WebhookIntegration,
} from "./notification-config.js";
import { RECEIVER_SHAPES } from "./receiver-shapes.js";
import { checkHttpUrl, checkShape, goDurationMs, requireExactlyOne } from "./section-shape.js";
import {
  optionalString,
  parseSecret,
  parseSmtpServer,
  rejectReferences,
  type SmtpDefaults,
} from "./smtp-config.js";

const SUPPORTED = ["email_configs", "webhook_configs"];
const HEADER_NAME = /^[A-Za-z][A-Za-z0-9-]{0,75}$/;
/** Header fields that the program writes itself: a second one would break threading or decoding. */
const OWN_HEADERS = /^(message-id|references|in-reply-to|date|mime-version|bcc|content-.*)$/i;
const WEBHOOK_TIMEOUT_MS = 30_000;
const LONGEST_WEBHOOK_TIMEOUT_MS = 300_000;

export interface ReceiverSurroundings {
  readonly global: ConfigSection;
  readonly smtp: SmtpDefaults;
  /** Names of the receivers that routes use. */
  readonly used: ReadonlySet<string>;
}

/**
 * Reads a receiver. Whatever Alertmanager refuses is refused; something that it accepts and this
 * program does not support is refused if a route uses the receiver, otherwise it is a warning.
 *
 * @throws {ConfigError}
 */
export function parseReceiver(
  section: ConfigSection,
  { global, smtp, used }: ReceiverSurroundings,
): Receiver {
  const name = section.string("name", { pattern: /./, expected: "a name" });
  const labels = Labels.of({ name, ...section.stringMap("labels") });
  const isUsed = used.has(name);
  const integrations: Integration[] = [];
  for (const [kind, { shape, condition }] of Object.entries(RECEIVER_SHAPES)) {
    for (const entry of section.sections(kind)) {
      checkShape(entry, shape);
      condition(entry, global);
      if (kind === "email_configs") integrations.push(parseEmail(entry, smtp, isUsed));
      if (kind === "webhook_configs") integrations.push(parseWebhook(entry, global, isUsed));
    }
    if (section.has(kind) && !SUPPORTED.includes(kind)) refuseOrWarn(section, kind, isUsed);
  }
  section.rejectUnknownKeys();
  return { name, labels, integrations };
}

function refuseOrWarn(section: ConfigSection, kind: string, isUsed: boolean): void {
  if (isUsed) {
    section.fail(
      kind,
      `is a kind of receiver that is not supported yet, it must be one of ${SUPPORTED.join(", ")}`,
    );
  }
  section.warn(kind, "is a kind of receiver that is not supported yet; no route uses it");
}

function parseEmail(section: ConfigSection, smtp: SmtpDefaults, isUsed: boolean): EmailIntegration {
  const to = section.has("to") ? section.strings("to").join(", ") : "";
  if (to.trim() === "") section.fail("to", "is missing, it must be one or more addresses");
  const from = optionalString(section, "from") ?? smtp.from;
  if (from === undefined)
    section.fail("from", "is missing, it must be an address here or as smtp_from in global");
  if (section.has("threading"))
    section.warn("threading", "has no effect here: mails of a group always form a thread");
  return {
    kind: "email",
    sendResolved: section.boolean("send_resolved", { default: false }),
    to,
    from,
    headers: parseHeaders(section),
    html: section.string("html", { default: '{{ template "email.default.html" . }}' }),
    text: section.string("text", { default: '{{ template "email.default.text" . }}' }),
    server: parseSmtpServer(section, smtp, isUsed),
  };
}

function parseHeaders(section: ConfigSection): Record<string, string> {
  const headers = Object.entries(section.stringMap("headers"));
  const seen = new Set<string>();
  for (const [name] of headers) {
    if (seen.has(name.toLowerCase()))
      section.fail("headers", `has ${name} twice, each field must be there once`);
    seen.add(name.toLowerCase());
  }
  return Object.fromEntries(
    headers.filter(([name]) => {
      const isOwn = OWN_HEADERS.test(name);
      if (isOwn) section.warn("headers", `has ${name}, which this program writes itself or omits`);
      else if (!HEADER_NAME.test(name))
        section.warn("headers", `has ${JSON.stringify(name)}, which is no name of a field`);
      else return true;
      return false;
    }),
  );
}

function parseWebhook(
  section: ConfigSection,
  global: ConfigSection,
  isUsed: boolean,
): WebhookIntegration {
  requireExactlyOne(section, ["url", "url_file"]);
  const text = section.string("url", { default: "" });
  const isTemplate = text.includes("{{");
  if (text !== "" && !isTemplate) section.attempt("url", () => checkHttpUrl(text));
  const url = parseSecret(section, "url");
  if (isUsed && isTemplate)
    section.fail("url", "is a template, which is not supported yet, it must be a URL");
  if (isUsed && section.has("payload"))
    section.fail("payload", "is not supported yet, it must be left out");
  const timeoutMs = goDurationMs(section, "timeout") ?? 0;
  return {
    kind: "webhook",
    sendResolved: section.boolean("send_resolved", { default: true }),
    url: url ?? { kind: "text", text: "" },
    maxAlerts: Math.trunc(section.number("max_alerts", { default: 0 })),
    timeoutMs: timeoutMs > 0 ? Math.min(timeoutMs, LONGEST_WEBHOOK_TIMEOUT_MS) : WEBHOOK_TIMEOUT_MS,
    http: parseHttp(section.has("http_config") ? section : global, isUsed),
    folder: path.dirname(section.file),
  };
}

/** @param owner the section that has `http_config`, or none */
function parseHttp(owner: ConfigSection, isUsed: boolean): HttpClientConfig {
  const section = owner.section("http_config");
  const inner = ["basic_auth", "authorization", "tls_config"].map((key) => section.section(key));
  try {
    for (const part of inner) rejectReferences(part);
    const config = parseHttpClient(section);
    section.rejectUnknownKeys();
    return config;
  } catch (error) {
    // Alertmanager accepts it.
    if (isUsed)
      return owner.fail("http_config", `is not supported yet as it is: ${messageOf(error)}`);
    owner.warn("http_config", "is not supported yet; no route uses the receiver");
    return NO_HTTP;
  }
}

const NO_HTTP: HttpClientConfig = {
  credentials: undefined,
  tls: NO_TLS,
  proxy: undefined,
  headers: [],
  followsRedirects: true,
};

export function isHttpUrl(text: string): boolean {
  const protocol = URL.canParse(text) ? new URL(text).protocol : "";
  return protocol === "http:" || protocol === "https:";
}
