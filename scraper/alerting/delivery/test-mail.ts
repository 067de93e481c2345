import { BadInputError, messageOf } from "../../../exporter/shared/model/errors.js";
import type { Clock } from "../../../exporter/shared/platform/clock.js";
import type { Files } from "../../../exporter/shared/platform/files.js";
import {
  formatMailAddress,
  parseMailAddress,
  parseMailAddresses,
} from "../messages/mail-addresses.js";
import type { MailMessage } from "../messages/outbox-message.js";
import { createMailTransport } from "./mail-transport.js";
import type { EmailIntegration, NotificationConfig } from "../config/notification-config.js";
import { resolveMailServer } from "./secret-files.js";

interface TestMailOptions {
  readonly config: NotificationConfig;
  /** The default is the first receiver with an email_config. */
  readonly receiver?: string;
  /** Addresses separated by commas. The default is the addresses of the receiver. */
  readonly to?: string;
  /**
   * Receives the dialogue line by line: `>` for sent lines, `<` for received ones. Secrets are
   * masked.
   */
  readonly onDialogue: (line: string) => void;
  readonly clock: Clock;
  readonly files: Files;
}

/**
 * Sends one mail directly, without routes, templates and outbox.
 *
 * @throws {BadInputError} when no receiver fits or an address is not valid
 * @throws {MailError} when nobody got the mail
 */
export async function sendTestMail(
  options: TestMailOptions,
): Promise<{ refused: readonly string[] }> {
  const { config, clock, files, onDialogue } = options;
  const integration = findEmail(config, options.receiver);
  const mail = testMessage(integration, options.to ?? integration.to, clock.wallMs());
  const server = await resolveMailServer(integration.server, files);
  onDialogue(`* connecting to ${server.host}:${server.port}`);
  try {
    const { signal } = new AbortController();
    const refused = await createMailTransport(clock).send(server, mail, { signal, onDialogue });
    for (const { recipient, reply } of refused) onDialogue(`* refused for ${recipient}: ${reply}`);
    return { refused: refused.map(({ recipient }) => recipient) };
  } catch (error) {
    onDialogue(`* ${messageOf(error)}`);
    throw error;
  }
}

function findEmail(config: NotificationConfig, receiver: string | undefined): EmailIntegration {
  const receivers = [...config.receivers.values()].filter(
    ({ name }) => receiver === undefined || name === receiver,
  );
  const email = receivers
    .flatMap(({ integrations }) => integrations)
    .find(({ kind }) => kind === "email");
  if (email?.kind === "email") return email;
  const wanted =
    receiver === undefined
      ? "no receiver has"
      : `receiver "${receiver}" does not exist or does not have`;
  throw new BadInputError(`Cannot send test mail: ${wanted} an email_config`);
}

function testMessage(integration: EmailIntegration, to: string, nowMs: number): MailMessage {
  const addresses = parseMailAddresses(to);
  const from = parseMailAddress(integration.from);
  const domain = from.address.slice(from.address.lastIndexOf("@") + 1);
  const id = `<test.${nowMs}@${domain}>`;
  return {
    envelopeFrom: from.address,
    recipients: addresses.map(({ address }) => address),
    from: formatMailAddress(from),
    to: addresses.map(formatMailAddress).join(", "),
    subject: "[TEST] pihealth can send mail",
    text: "This is a test mail. If you can read it, pihealth can notify you about alerts.\n",
    html: "",
    messageId: id,
    thread: id,
    dateMs: nowMs,
    headers: [],
  };
}
