import type { Command } from "commander";
import { BadInputError } from "../../exporter/shared/model/errors.js";
import { systemClock } from "../../exporter/shared/platform/clock.js";
import { realFiles } from "../../exporter/shared/platform/real-files.js";
import { printLines } from "./command-output.js";
import { DEFAULT_CONFIG_FILE } from "./commands/defaults.js";

interface MailTestOptions {
  readonly config: string;
  readonly receiver?: string;
  readonly to?: string;
}

export function addMail(program: Command): void {
  program
    .command("mail")
    .description("send a test mail and show the SMTP dialogue")
    .command("test")
    .description("send one mail now and show the dialogue with the server")
    .option(
      "--config <file>",
      "configuration of the scraper, or an alertmanager.yml",
      DEFAULT_CONFIG_FILE,
    )
    .option("--receiver <name>", "receiver to test (default: the first one with mail)")
    .option("--to <addresses>", "addresses instead of those of the receiver")
    .action(sendMail);
}

async function sendMail(options: MailTestOptions): Promise<void> {
  const { sendTestMail } = await import("../alerting/delivery/test-mail.js");
  const { loadNotificationsOf } = await import("./commands/check.js");
  const { refused } = await sendTestMail({
    ...options,
    config: await loadNotificationsOf(options.config),
    clock: systemClock,
    files: realFiles,
    onDialogue: (line) => printLines([line]),
  });
  if (refused.length > 0)
    throw new BadInputError(`Cannot send test mail: refused for ${refused.join(", ")}`);
  printLines(["The server took the mail."]);
}
