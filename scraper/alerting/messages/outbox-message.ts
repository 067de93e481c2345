import { JsonFields } from "../../../exporter/shared/codec/json-fields.js";
import {
  decodeNotificationRecord,
  encodeNotificationRecord,
  type NotificationRecord,
} from "../alerts/notification-log.js";
import { RECORD_VERSION } from "../alerts/json-lines-file.js";

/** A rendered mail. Only the two bodies may contain line breaks. */
export interface MailMessage {
  /** Address without a name, for MAIL FROM. */
  readonly envelopeFrom: string;
  /** Addresses without names, for RCPT TO: recipients that do not have the mail yet. */
  readonly recipients: readonly string[];
  /** For the header, with names. */
  readonly from: string;
  readonly to: string;
  readonly subject: string;
  /** The mail has no such part when empty. */
  readonly text: string;
  readonly html: string;
  /** With angle brackets. Every attempt has the same id, so that a repetition can be recognised. */
  readonly messageId: string;
  /** The id that all mails of one alert group refer to, with angle brackets. */
  readonly thread: string;
  readonly dateMs: number;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
}

/**
 * A rendered message. Server and credentials are looked up in the configuration for every attempt.
 */
export type OutboxPayload =
  | { readonly kind: "email"; readonly mail: MailMessage }
  | { readonly kind: "webhook"; readonly body: string };

export interface OutboxMessage {
  readonly receiver: string;
  /** Position in the receiver's list of integrations. */
  readonly integration: number;
  readonly createdAtMs: number;
  readonly payload: OutboxPayload;
  /** The record that the notification log gets for this message. */
  readonly record: NotificationRecord;
}

export function encodeOutboxMessage(message: OutboxMessage): string {
  return JSON.stringify(outboxMessageToJson(message));
}

export function outboxMessageToJson(message: OutboxMessage): object {
  return { v: RECORD_VERSION, ...message, record: encodeNotificationRecord(message.record) };
}

/** @throws when the text is not an outbox message */
export function decodeOutboxMessage(text: string): OutboxMessage {
  const fields = JsonFields.parse(text, "outbox message");
  fields.version(RECORD_VERSION, "v");
  return {
    receiver: fields.text("receiver"),
    integration: fields.number("integration"),
    createdAtMs: fields.number("createdAtMs"),
    payload: decodePayload(fields.object("payload")),
    record: decodeNotificationRecord(fields.object("record")),
  };
}

function decodePayload(fields: JsonFields): OutboxPayload {
  const kind = fields.oneOf("kind", ["email", "webhook"]);
  return kind === "email"
    ? { kind, mail: decodeMail(fields.object("mail")) }
    : { kind, body: fields.text("body") };
}

function decodeMail(fields: JsonFields): MailMessage {
  const headers = fields
    .objects("headers")
    .map((header) => ({ name: header.text("name"), value: header.text("value") }));
  return {
    envelopeFrom: fields.text("envelopeFrom"),
    recipients: fields.texts("recipients"),
    from: fields.text("from"),
    to: fields.text("to"),
    subject: fields.text("subject"),
    text: fields.text("text"),
    html: fields.text("html"),
    messageId: fields.text("messageId"),
    thread: fields.text("thread"),
    dateMs: fields.number("dateMs"),
    headers,
  };
}
