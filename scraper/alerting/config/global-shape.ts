/** The shapes of the sections of an alertmanager.yml besides receivers. */
import { HTTP_SHAPE, TLS_SHAPE } from "./http-shape.js";
import { requireAtMostOne, requireOneOf, type SectionShape } from "./section-shape.js";

/** Pairs of a secret and a file with it; one of them may be given. */
const SECRETS = [
  "smtp_auth_password",
  "smtp_auth_secret",
  "slack_app_token",
  "opsgenie_api_key",
  "victorops_api_key",
  "telegram_bot_token",
  "rocketchat_token",
  "rocketchat_token_id",
  "wechat_api_secret",
];
/** Pairs of a secret URL and a file with it. */
const SECRET_URLS = ["slack_api_url", "mattermost_webhook_url"];
const URLS = [
  "jira_api_url",
  "slack_app_url",
  "pagerduty_url",
  "opsgenie_api_url",
  "wechat_api_url",
  "victorops_api_url",
  "telegram_api_url",
  "webex_api_url",
  "rocketchat_api_url",
];
const TEXTS = [
  "smtp_from",
  "smtp_hello",
  "smtp_smarthost",
  "smtp_auth_username",
  "smtp_auth_identity",
  "wechat_api_corp_id",
];

export const GLOBAL_SHAPE: SectionShape = {
  keys: {
    resolve_timeout: "duration",
    http_config: HTTP_SHAPE,
    smtp_tls_config: TLS_SHAPE,
    smtp_require_tls: "boolean",
    smtp_force_implicit_tls: "boolean",
    ...Object.fromEntries([...URLS, ...SECRET_URLS].map((key) => [key, "url" as const])),
    ...Object.fromEntries(
      [...TEXTS, ...SECRETS, ...[...SECRETS, ...SECRET_URLS].map((key) => `${key}_file`)].map(
        (key) => [key, "text" as const],
      ),
    ),
  },
  check(section) {
    for (const key of [...SECRETS, ...SECRET_URLS]) requireAtMostOne(section, [key, `${key}_file`]);
    const [token, url] = ["slack_app_token", "slack_api_url"];
    for (const key of [token, `${token}_file`])
      requireAtMostOne(section, [key, url, `${url}_file`]);
  },
};

/** Keys of `global` for kinds of receivers that this program does not have. */
export const isOfOtherReceiver = (key: string): boolean =>
  !/^(resolve_timeout|http_config|smtp_.*)$/.test(key);

export const TRACING_SHAPE: SectionShape = {
  keys: {
    client_type: "text",
    compression: "text",
    endpoint: "text",
    headers: "anything",
    insecure: "boolean",
    sampling_fraction: "number",
    timeout: "duration",
    tls_config: TLS_SHAPE,
  },
  check(section) {
    requireOneOf(section, ["endpoint"]);
    section.oneOf("client_type", ["grpc", "http"], { default: "grpc" });
    section.oneOf("compression", ["", "gzip"], { default: "" });
  },
};

export const EVENT_RECORDER_SHAPE: SectionShape = {
  keys: { file_outputs: "anything", webhook_outputs: "anything", kafka_outputs: "anything" },
};
