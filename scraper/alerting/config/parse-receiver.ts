import type { ConfigSection } from "../../../exporter/shared/config/config-section.js";
import type {
  EmailIntegration,
  Integration,
  Receiver,
  WebhookIntegration,
} from "./notification-config.js";
import { optionalString, parseSecret, parseSmtpServer, type SmtpDefaults } from "./smtp-config.js";

const SUPPORTED = ["email_configs", "webhook_configs"];
const HEADER_NAME = /^[A-Za-z][A-Za-z0-9-]{0,75}$/;
/**
 * Header fields that the program writes itself. A second one would break threading, decoding or the
 * outbox.
 */
const OWN_HEADERS = /^(message-id|references|in-reply-to|date|mime-version|bcc|cc|content-.*)$/i;

/** @throws {ConfigError} */
export function parseReceiver(section: ConfigSection, smtp: SmtpDefaults): Receiver {
  const name = section.string("name", { pattern: /./, expected: "a name" });
  const other = section.keys().find((key) => key.endsWith("_configs") && !SUPPORTED.includes(key));
  if (other !== undefined) {
    section.fail(
      other,
      `is a kind of receiver that is not supported, it must be one of ${SUPPORTED.join(", ")}`,
    );
  }
  const integrations: Integration[] = [
    ...section.sections("email_configs").map((entry) => parseEmail(entry, smtp)),
    ...section.sections("webhook_configs").map(parseWebhook),
  ];
  section.rejectUnknownKeys();
  return { name, integrations };
}

function parseEmail(section: ConfigSection, smtp: SmtpDefaults): EmailIntegration {
  const to = section.strings("to").join(", ");
  if (to.trim() === "") section.fail("to", "is empty, it must be one or more addresses");
  const from = optionalString(section, "from") ?? smtp.from;
  if (from === undefined)
    section.fail("from", "is missing, it must be an address here or as smtp_from in global");
  const email: EmailIntegration = {
    kind: "email",
    sendResolved: section.boolean("send_resolved", { default: false }),
    to,
    from,
    headers: parseHeaders(section),
    html: section.string("html", { default: '{{ template "email.default.html" . }}' }),
    text: section.string("text", { default: '{{ template "email.default.text" . }}' }),
    server: parseSmtpServer(section, smtp),
  };
  if (email.html === "" && email.text === "")
    section.fail("text", "is empty as html is, one of them must not be");
  section.rejectUnknownKeys();
  return email;
}

function parseHeaders(section: ConfigSection): Record<string, string> {
  const headers = section.stringMap("headers");
  const seen = new Set<string>();
  for (const name of Object.keys(headers)) {
    if (!HEADER_NAME.test(name))
      section.fail("headers", `has "${name}", it must be the name of a header field`);
    if (OWN_HEADERS.test(name)) {
      section.fail("headers", `has ${name}, which is written by this program, it must not be`);
    }
    if (seen.has(name.toLowerCase()))
      section.fail("headers", `has ${name} twice, each field must be there once`);
    seen.add(name.toLowerCase());
  }
  return headers;
}

function parseWebhook(section: ConfigSection): WebhookIntegration {
  const url = parseSecret(section, "url");
  if (url === undefined) section.fail("url", "is missing, it must be an http or https URL");
  if (url.kind === "text" && !isHttpUrl(url.text)) {
    section.fail("url", "is not a URL, it must start with http:// or https://");
  }
  const webhook: WebhookIntegration = {
    kind: "webhook",
    sendResolved: section.boolean("send_resolved", { default: true }),
    url,
    maxAlerts: section.integer("max_alerts", { default: 0, min: 0 }),
  };
  section.rejectUnknownKeys();
  return webhook;
}

export function isHttpUrl(text: string): boolean {
  const protocol = URL.canParse(text) ? new URL(text).protocol : "";
  return protocol === "http:" || protocol === "https:";
}
