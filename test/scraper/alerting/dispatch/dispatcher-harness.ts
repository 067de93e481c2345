import { ConfigSection } from "../../../../exporter/shared/config/config-section.js";
import { Labels } from "../../../../exporter/shared/model/labels.js";
import type {
  HttpRequest,
  HttpResponse,
} from "../../../../exporter/shared/platform/http/http-client.js";
import { silentLogger } from "../../../../exporter/shared/platform/logger.js";
import type { Alert } from "../../../../scraper/alerting/alerts/alert.js";
import { Dispatcher } from "../../../../scraper/alerting/dispatch/dispatcher.js";
import type { RefusedRecipient } from "../../../../scraper/alerting/delivery/mail-transport.js";
import type { MailMessage } from "../../../../scraper/alerting/messages/outbox-message.js";
import type { NotificationConfig } from "../../../../scraper/alerting/config/notification-config.js";
import { parseNotificationConfig } from "../../../../scraper/alerting/config/parse-notification-config.js";
import { FakeClock } from "../../../support/fake-clock.js";
import { MemoryFiles } from "../../../support/memory-files.js";

export const FOLDER = "/data/alerting";
const HOUR_MS = 3_600_000;

export function parseConfig(yaml: string): NotificationConfig {
  return parseNotificationConfig(ConfigSection.parse(yaml, "/etc/pihealth/alertmanager.yml"));
}

/** A configuration that mails everything to one receiver; `route` and `rest` are added to it. */
export function simpleConfig({
  route = "",
  rest = "",
}: { route?: string; rest?: string } = {}): NotificationConfig {
  return parseConfig(`
global: { smtp_smarthost: "mail.example.org:587", smtp_from: "pihealth@example.org" }
route:
  receiver: ops
  group_by: [alertname]
  group_wait: 30s
  group_interval: 5m
  repeat_interval: 4h
${route}
receivers:
  - name: ops
    email_configs: [{ to: "ops@example.org", send_resolved: true }]
  - name: hook
    webhook_configs: [{ url: "http://127.0.0.1:1/hook" }]
${rest}
`);
}

export interface SentMail {
  readonly atMs: number;
  readonly mail: MailMessage;
}

/** Stands for every server: takes what it is given, or does what `onMail` says. */
export class FakeServers {
  readonly mails: SentMail[] = [];
  readonly requests: HttpRequest[] = [];
  onMail: (mail: MailMessage) => Promise<readonly RefusedRecipient[]> = async () => [];
  onHttp: (request: HttpRequest) => Promise<HttpResponse> = async () => ({
    status: 200,
    headers: {},
    body: Buffer.alloc(0),
  });

  get subjects(): string[] {
    return this.mails.map(({ mail }) => mail.subject);
  }
}

export interface Harness {
  readonly clock: FakeClock;
  readonly files: MemoryFiles;
  readonly servers: FakeServers;
  readonly dispatcher: Dispatcher;
  /** Sends an alert that fires for the next hour. */
  fire(
    labels: Record<string, string>,
    options?: { immediate?: boolean; startsAgoMs?: number },
  ): Promise<void>;
  resolve(labels: Record<string, string>): Promise<void>;
}

/** @param options parts that outlive an earlier dispatcher, for restarts */
export async function startHarness(
  config: NotificationConfig,
  options: { clock?: FakeClock; files?: MemoryFiles; servers?: FakeServers } = {},
): Promise<Harness> {
  const {
    clock = new FakeClock(),
    files = new MemoryFiles(),
    servers = new FakeServers(),
  } = options;
  const transports = {
    mail: {
      async send(_server: unknown, mail: MailMessage) {
        const refused = await servers.onMail(mail);
        servers.mails.push({ atMs: clock.monotonicMs(), mail });
        return refused;
      },
    },
    async http(request: HttpRequest) {
      const response = await servers.onHttp(request);
      servers.requests.push(request);
      return response;
    },
  };
  const dispatcher = new Dispatcher({
    config,
    clock,
    files,
    folder: FOLDER,
    log: silentLogger,
    transports,
    externalUrl: "http://master:8730",
    timeZone: "UTC",
    random: () => 0.5,
  });
  await dispatcher.start();
  const send = async (alert: Alert, immediate = false): Promise<void> => {
    await dispatcher.receive([alert], { durable: immediate, isImmediate: () => immediate });
    await clock.advance(0);
  };
  return {
    clock,
    files,
    servers,
    dispatcher,
    fire: (labels, { immediate, startsAgoMs = 0 } = {}) =>
      send(alertOf(labels, clock.wallMs() - startsAgoMs, clock.wallMs() + HOUR_MS * 24), immediate),
    resolve: (labels) => send(alertOf(labels, clock.wallMs() - 1, clock.wallMs())),
  };
}

export function alertOf(
  labels: Record<string, string>,
  startsAtMs: number,
  endsAtMs: number,
): Alert {
  return {
    labels: Labels.of(labels),
    annotations: Labels.of({ summary: `${labels["alertname"] ?? ""} is on` }),
    startsAtMs,
    endsAtMs,
    generatorUrl: "http://master:8730/graph?g0.expr=up",
  };
}
