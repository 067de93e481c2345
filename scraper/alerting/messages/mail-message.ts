/** A message as it is stored and sent. Texts hold no line breaks, but for the two bodies. */
export interface MailMessage {
  /** Bare address for MAIL FROM. */
  readonly envelopeFrom: string;
  /** Bare addresses for RCPT TO: those that have not got it yet. */
  readonly recipients: readonly string[];
  /** As shown in the header, with names. */
  readonly from: string;
  readonly to: string;
  readonly subject: string;
  /** Empty: no such part. */
  readonly text: string;
  readonly html: string;
  /** With angle brackets. The same in every attempt, so that a repetition can be recognised. */
  readonly messageId: string;
  /** Id, with angle brackets, that all mails of one alert group refer to. */
  readonly thread: string;
  readonly dateMs: number;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
}
