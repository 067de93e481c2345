import { formatDurationMs } from "../../../exporter/shared/model/duration.js";
import type { TextOrFile } from "../../http-client/text-or-file.js";
import type { NotificationConfig, Receiver, Secret, SmtpServer } from "./notification-config.js";
import type { Route } from "./route.js";
import type { MinuteRange, NumberRange, TimeInterval } from "./time-interval.js";

const MASK = "<secret>";

/**
 * Writes a configuration in Alertmanager's own form, with defaults filled in and secrets masked,
 * for `/api/v2/status` and amtool. The text is JSON, which every YAML parser reads.
 */
export function maskConfig(config: Omit<NotificationConfig, "masked" | "warnings">): string {
  const document = {
    global: { resolve_timeout: formatDurationMs(config.resolveTimeoutMs) },
    route: routeBody(config.route),
    receivers: [...config.receivers.values()].map(receiverBody),
    inhibit_rules: config.inhibitRules.map(({ source, target, equal }) => ({
      source_matchers: source.map(String),
      target_matchers: target.map(String),
      equal,
    })),
    time_intervals: [...config.timeIntervals].map(([name, list]) => ({
      name,
      time_intervals: list.map(intervalBody),
    })),
    templates: config.templateFiles,
  };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

function routeBody(route: Route): object {
  return {
    receiver: route.receiver,
    group_by: route.groupBy === "all" ? ["..."] : route.groupBy,
    ...(route.matchers.length === 0 ? {} : { matchers: route.matchers.map(String) }),
    continue: route.continues,
    group_wait: formatDurationMs(route.groupWaitMs),
    group_interval: formatDurationMs(route.groupIntervalMs),
    repeat_interval: formatDurationMs(route.repeatIntervalMs),
    ...(route.muteTimeIntervals.length === 0
      ? {}
      : { mute_time_intervals: route.muteTimeIntervals }),
    ...(route.activeTimeIntervals.length === 0
      ? {}
      : { active_time_intervals: route.activeTimeIntervals }),
    routes: route.routes.map(routeBody),
  };
}

function receiverBody({ name, integrations }: Receiver): object {
  const emails = integrations.flatMap((integration) => {
    if (integration.kind !== "email") return [];
    const { sendResolved, to, from, headers, html, text, server } = integration;
    return [{ send_resolved: sendResolved, to, from, headers, html, text, ...serverBody(server) }];
  });
  const webhooks = integrations.flatMap((integration) => {
    if (integration.kind !== "webhook") return [];
    const { sendResolved, maxAlerts } = integration;
    // Masked with a URL, as in Alertmanager, so that tools can parse the result.
    return [{ send_resolved: sendResolved, url: "http://secret.invalid/", max_alerts: maxAlerts }];
  });
  return {
    name,
    ...(emails.length === 0 ? {} : { email_configs: emails }),
    ...(webhooks.length === 0 ? {} : { webhook_configs: webhooks }),
  };
}

function serverBody({ host, port, hello, requireTls, auth, tls }: SmtpServer): object {
  const mask = (secret: Secret | undefined): string | undefined =>
    secret === undefined ? undefined : MASK;
  return {
    smarthost: host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`,
    hello,
    require_tls: requireTls,
    auth_username: auth?.username,
    auth_password: mask(auth?.password),
    auth_secret: mask(auth?.secret),
    auth_identity: auth?.identity,
    tls_config: {
      ca_file: fileOf(tls.ca),
      cert_file: fileOf(tls.cert),
      key_file: fileOf(tls.key),
      server_name: tls.serverName,
      insecure_skip_verify: tls.insecureSkipVerify,
      min_version: tls.minVersion,
      max_version: tls.maxVersion,
    },
  };
}

/** Certificates and keys in the configuration itself are not shown. */
const fileOf = (source: TextOrFile | undefined): string | undefined =>
  source !== undefined && "file" in source ? source.file : undefined;

const WEEKDAYS = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];

function intervalBody(interval: TimeInterval): object {
  const rangeText = ({ first, last }: NumberRange): string => `${first}:${last}`;
  const dayText = ({ first, last }: NumberRange): string =>
    `${WEEKDAYS[first] ?? ""}:${WEEKDAYS[last] ?? ""}`;
  return {
    times: interval.times?.map(minutesBody),
    weekdays: interval.weekdays?.map(dayText),
    days_of_month: interval.daysOfMonth?.map(rangeText),
    months: interval.months?.map(rangeText),
    years: interval.years?.map(rangeText),
    location: interval.location,
  };
}

function minutesBody({ fromMinute, untilMinute }: MinuteRange): object {
  const clock = (minute: number): string =>
    `${String(Math.floor(minute / 60)).padStart(2, "0")}:${String(minute % 60).padStart(2, "0")}`;
  return { start_time: clock(fromMinute), end_time: clock(untilMinute) };
}
