import { sha256Hex } from "../../../exporter/shared/model/hash.js";
import {
  formatMailAddress,
  parseMailAddress,
  parseMailAddresses,
  removeControls,
  type MailAddress,
} from "./mail-addresses.js";
import type { MailMessage } from "./outbox-message.js";
import type { Notification } from "./notification.js";
import type { EmailTemplates } from "./notification-templates.js";
import { templateDataOf } from "./template-data.js";

export const MAX_SUBJECT_CHARACTERS = 250;
export const MAX_MAIL_PART_CHARACTERS = 1_000_000;
const MAX_HEADER_CHARACTERS = 900; // A header line may have 998 characters (RFC 5322, 2.1.1).

interface RenderOptions {
  readonly notification: Notification;
  readonly templates: EmailTemplates;
  /** Receiver and integration. */
  readonly integrationId: string;
  /** When the group started firing. */
  readonly threadMs: number;
  readonly timeZone: string;
}

interface ComposeOptions {
  /** The data of the templates. */
  readonly data: object;
  readonly templates: EmailTemplates;
  /** The same for all mails of one thread. */
  readonly identity: string;
  /** Makes the Message-ID unique, together with the identity and the time. */
  readonly content: string;
  readonly nowMs: number;
  /** When the thread began. */
  readonly threadMs: number;
}

/**
 * Renders the mail of one notification.
 *
 * @throws {TemplateError} when a template fails
 * @throws {BadInputError} when an address is not valid
 */
export function renderEmail(options: RenderOptions): MailMessage {
  const { notification, templates, integrationId, threadMs, timeZone } = options;
  return composeEmail({
    data: templateDataOf(notification, timeZone),
    templates,
    threadMs,
    identity: `${integrationId}\n${notification.groupKey}`,
    content: alertsText(notification),
    nowMs: notification.nowMs,
  });
}

/**
 * @throws {TemplateError} when a template fails
 * @throws {BadInputError} when an address is not valid
 */
export function composeEmail(options: ComposeOptions): MailMessage {
  const { data, templates, identity, content, nowMs, threadMs } = options;
  const from = parseMailAddress(removeControls(templates.from.render(data)));
  const to = parseMailAddresses(templates.to.render(data));
  const domain = messageIdDomain(from);
  const headerText = (text: string): string => removeControls(text).slice(0, MAX_HEADER_CHARACTERS);
  return {
    envelopeFrom: from.address,
    recipients: [...new Set(to.map(({ address }) => address))],
    from: formatMailAddress(from),
    to: to.map(formatMailAddress).join(", "),
    subject: removeControls(templates.subject.render(data)).slice(0, MAX_SUBJECT_CHARACTERS),
    text: bodyText(templates.text?.render(data) ?? ""),
    html: bodyText(templates.html?.render(data) ?? ""),
    messageId: `<${digest(`${identity}\n${content}`)}.${nowMs}@${domain}>`,
    thread: `<${digest(identity)}.${threadMs}@${domain}>`,
    dateMs: nowMs,
    headers: templates.headers.map(({ name, value }) => ({
      name,
      value: headerText(value.render(data)),
    })),
  };
}

/**
 * Control characters except line feeds and tabs, a carriage return that ends no line, separators of
 * lines and paragraphs, and characters that change the reading direction.
 */
const UNSAFE_IN_BODY =
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]|\r(?!\n)/g;

/**
 * Shows unsafe characters as escapes. Label values come from the network and must not move a cursor,
 * add a line or change the reading direction.
 */
function bodyText(rendered: string): string {
  const text = rendered.replace(
    UNSAFE_IN_BODY,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  if (text.length <= MAX_MAIL_PART_CHARACTERS) return text;
  return `${text.slice(0, MAX_MAIL_PART_CHARACTERS)}\n[cut off: the text is too long for a mail]\n`;
}

const digest = (text: string): string => sha256Hex(text).slice(0, 32);

const alertsText = ({ alerts }: Notification): string =>
  alerts.map(({ fingerprint, endsAtMs }) => `${fingerprint}:${endsAtMs}`).join(",");

/** A Message-ID is ASCII. */
function messageIdDomain({ address }: MailAddress): string {
  const domain = address.slice(address.lastIndexOf("@") + 1);
  return /^[a-zA-Z0-9.-]+$/.test(domain) ? domain : "pihealth.invalid";
}
