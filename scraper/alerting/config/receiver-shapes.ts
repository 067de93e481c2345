/**
 * The shapes of all kinds of receivers. This program notifies by email and webhook; the other kinds
 * are read so that a file for Alertmanager is accepted as long as no route uses them.
 */
import type { ConfigSection } from "../../../exporter/shared/config/config-section.js";
import { HTTP_SHAPE, TLS_SHAPE } from "./http-shape.js";
import {
  isGiven,
  requireAtMostOne,
  requireExactlyOne,
  requireOneOf,
  type SectionShape,
  type ValueKind,
} from "./section-shape.js";

type Keys = SectionShape["keys"];
/** Looks at a section beside the `global` section, which may have what it lacks. */
type Condition = (section: ConfigSection, global: ConfigSection) => void;

export interface ReceiverShape {
  readonly shape: SectionShape;
  readonly condition: Condition;
}

const COMMON: Keys = { send_resolved: "boolean", http_config: HTTP_SHAPE };

function receiver(keys: Keys, condition: Condition = () => undefined): ReceiverShape {
  return { shape: { keys: { ...COMMON, ...keys } }, condition };
}

/** Keys that all have one kind of value. */
const keysOf = (kind: ValueKind, names: string): Keys =>
  Object.fromEntries(names.split(" ").map((name) => [name, kind]));

/** One of the keys must be given, here or under their names in `global`. */
function requireHereOrGlobally(
  section: ConfigSection,
  global: ConfigSection,
  keys: readonly string[],
  prefix: string,
): void {
  if (keys.some((key) => isGiven(global, `${prefix}${key}`))) return;
  requireOneOf(section, keys);
}

const both = (name: string): string[] => [name, `${name}_file`];

const SLACK_ACTION: SectionShape = {
  keys: {
    ...keysOf("text", "type text url style name value"),
    confirm: {
      keys: keysOf("text", "text title ok_text dismiss_text"),
      check: (section) => requireOneOf(section, ["text"]),
    },
  },
  check(section) {
    for (const key of ["type", "text"]) requireOneOf(section, [key]);
    requireOneOf(section, ["name", "url"]);
  },
};
const SLACK_FIELD: SectionShape = {
  keys: { title: "text", value: "text", short: "boolean" },
  check(section) {
    for (const key of ["title", "value"]) requireOneOf(section, [key]);
  },
};

const ATTACHMENT_TEXTS =
  "fallback color pretext text author_name author_link author_icon title title_link thumb_url footer footer_icon image_url";

export const RECEIVER_SHAPES: Readonly<Record<string, ReceiverShape>> = {
  email_configs: {
    shape: {
      keys: {
        ...keysOf(
          "text",
          "from hello smarthost html text auth_username auth_password auth_password_file auth_secret auth_secret_file auth_identity",
        ),
        ...keysOf("boolean", "send_resolved require_tls force_implicit_tls"),
        to: "anything",
        headers: "textMap",
        tls_config: TLS_SHAPE,
        threading: {
          keys: { enabled: "boolean", thread_by_date: "text" },
          check(section) {
            if (section.has("thread_by_date")) section.oneOf("thread_by_date", ["none", "daily"]);
          },
        },
      },
    },
    condition: () => undefined,
  },
  webhook_configs: receiver({
    url: "text",
    url_file: "text",
    max_alerts: "count",
    timeout: "goDuration",
    payload: "anything",
  }),
  discord_configs: receiver(
    {
      ...keysOf("text", "avatar_url content message title username webhook_url_file"),
      webhook_url: "url",
    },
    (section) => requireExactlyOne(section, both("webhook_url")),
  ),
  incidentio_configs: receiver(
    {
      ...keysOf("text", "alert_source_token alert_source_token_file url_file"),
      url: "url",
      max_alerts: "count",
      timeout: "goDuration",
    },
    (section) => {
      requireExactlyOne(section, both("url"));
      requireAtMostOne(section, both("alert_source_token"));
    },
  ),
  jira_configs: receiver(
    {
      ...keysOf(
        "text",
        "api_type issue_type priority project reopen_transition resolve_transition wont_fix_resolution",
      ),
      ...keysOf("anything", "description summary fields"),
      api_url: "url",
      labels: "texts",
      reopen_duration: "duration",
    },
    (section, global) => {
      requireOneOf(section, ["project"]);
      requireOneOf(section, ["issue_type"]);
      requireHereOrGlobally(section, global, ["api_url"], "jira_");
    },
  ),
  mattermost_configs: receiver(
    {
      ...keysOf("text", `${ATTACHMENT_TEXTS} channel icon_emoji icon_url type username`),
      ...keysOf("anything", "attachments fields priority props"),
      webhook_url: "url",
      webhook_url_file: "text",
    },
    (section, global) => {
      requireAtMostOne(section, both("webhook_url"));
      requireHereOrGlobally(section, global, both("webhook_url"), "mattermost_");
    },
  ),
  msteams_configs: receiver(
    { ...keysOf("text", "summary text title webhook_url_file"), webhook_url: "url" },
    (section) => requireExactlyOne(section, both("webhook_url")),
  ),
  msteamsv2_configs: receiver(
    { ...keysOf("text", "text title webhook_url_file"), webhook_url: "url" },
    (section) => requireExactlyOne(section, both("webhook_url")),
  ),
  opsgenie_configs: receiver(
    {
      ...keysOf(
        "text",
        "actions api_key api_key_file description entity message note priority source tags",
      ),
      api_url: "url",
      details: "textMap",
      responders: [
        {
          keys: keysOf("text", "id name username type"),
          check(section) {
            requireOneOf(section, ["id", "username", "name"]);
            const type = section.string("type", { default: "" });
            if (!type.includes("{{") && !/^(team|teams|user|escalation|schedule)$/i.test(type)) {
              section.fail("type", "must be one of team, teams, user, escalation, schedule");
            }
          },
        },
      ],
      update_alerts: "boolean",
    },
    (section, global) => {
      requireAtMostOne(section, both("api_key"));
      requireHereOrGlobally(section, global, both("api_key"), "opsgenie_");
    },
  ),
  pagerduty_configs: receiver(
    {
      ...keysOf(
        "text",
        "class client client_url component description group routing_key routing_key_file service_key service_key_file severity source",
      ),
      details: "anything",
      images: [{ keys: keysOf("text", "src alt href") }],
      links: [{ keys: keysOf("text", "href text") }],
      timeout: "goDuration",
      url: "url",
    },
    (section) => {
      requireOneOf(section, [...both("routing_key"), ...both("service_key")]);
      requireAtMostOne(section, both("routing_key"));
      requireAtMostOne(section, both("service_key"));
    },
  ),
  pushover_configs: receiver(
    {
      ...keysOf(
        "text",
        "device message priority sound title token token_file url url_title user_key user_key_file",
      ),
      ...keysOf("goDuration", "expire retry ttl"),
      ...keysOf("boolean", "html monospace"),
    },
    (section) => {
      requireExactlyOne(section, both("user_key"));
      requireExactlyOne(section, both("token"));
      if (
        section.boolean("html", { default: false }) &&
        section.boolean("monospace", { default: false })
      )
        section.fail("monospace", "is given beside html, it must be only one of them");
    },
  ),
  rocketchat_configs: receiver(
    {
      ...keysOf(
        "text",
        "channel color emoji icon_url image_url text thumb_url title title_link token token_file token_id token_id_file",
      ),
      ...keysOf("anything", "actions fields"),
      ...keysOf("boolean", "link_names short_fields"),
      api_url: "url",
    },
    (section, global) => {
      for (const name of ["token_id", "token"]) {
        requireAtMostOne(section, both(name));
        requireHereOrGlobally(section, global, both(name), "rocketchat_");
      }
    },
  ),
  slack_configs: receiver(
    {
      ...keysOf(
        "text",
        "api_url_file app_token app_token_file callback_id channel color fallback footer icon_emoji icon_url image_url message_text pretext text thumb_url title title_link username",
      ),
      ...keysOf("boolean", "link_names short_fields update_message"),
      ...keysOf("url", "api_url app_url"),
      actions: [SLACK_ACTION],
      fields: [SLACK_FIELD],
      mrkdwn_in: "texts",
      timeout: "goDuration",
    },
    (section, global) => {
      requireAtMostOne(section, both("api_url"));
      requireAtMostOne(section, both("app_token"));
      for (const key of both("app_token")) requireAtMostOne(section, [key, ...both("api_url")]);
      const own = [...both("api_url"), ...both("app_token")];
      requireHereOrGlobally(section, global, own, "slack_");
      const isWithToken = both("app_token").some(
        (key) =>
          isGiven(section, key) ||
          (isGiven(global, `slack_${key}`) && !isGiven(section, "api_url")),
      );
      if (
        both("app_token").some((key) => isGiven(section, key)) &&
        isGiven(section.section("http_config"), "authorization")
      )
        section.fail("http_config", "has authorization beside app_token");
      if (section.boolean("update_message", { default: false }) && !isWithToken)
        section.fail("update_message", "is true, it must come with app_token");
    },
  ),
  sns_configs: receiver(
    {
      ...keysOf("text", "api_url message phone_number subject target_arn topic_arn"),
      attributes: "textMap",
      sigv4: {
        keys: {
          ...keysOf("text", "region access_key secret_key profile role_arn external_id"),
          use_fips_sts_endpoint: "boolean",
        },
        check(section) {
          if (isGiven(section, "access_key") !== isGiven(section, "secret_key"))
            section.fail("access_key", "and secret_key must be given together");
        },
      },
      use_aws_http_client: "boolean",
    },
    (section) => requireExactlyOne(section, ["target_arn", "topic_arn", "phone_number"]),
  ),
  telegram_configs: receiver(
    {
      ...keysOf("text", "bot_token bot_token_file chat_id_file message parse_mode"),
      ...keysOf("integer", "chat_id message_thread_id"),
      api_url: "url",
      disable_notifications: "boolean",
    },
    (section, global) => {
      requireAtMostOne(section, both("bot_token"));
      requireHereOrGlobally(section, global, both("bot_token"), "telegram_");
      const chat = section.number("chat_id", { default: 0 });
      if (chat === 0) requireOneOf(section, ["chat_id_file"]);
      else if (isGiven(section, "chat_id_file"))
        section.fail("chat_id_file", "is given beside chat_id, it must be only one of them");
      const modes = ["", "Markdown", "MarkdownV2", "HTML"];
      if (!modes.includes(section.string("parse_mode", { default: "" })))
        section.fail("parse_mode", "must be one of Markdown, MarkdownV2, HTML");
    },
  ),
  victorops_configs: receiver(
    {
      ...keysOf(
        "text",
        "api_key api_key_file entity_display_name message_type monitoring_tool routing_key state_message",
      ),
      api_url: "url",
      custom_fields: "textMap",
    },
    (section, global) => {
      requireOneOf(section, ["routing_key"]);
      requireAtMostOne(section, both("api_key"));
      requireHereOrGlobally(section, global, both("api_key"), "victorops_");
      const reserved = "routing_key message_type state_message entity_display_name monitoring_tool";
      const taken = [...reserved.split(" "), "entity_id", "entity_state"];
      for (const name of Object.keys(section.stringMap("custom_fields"))) {
        if (taken.includes(name)) section.fail("custom_fields", `has ${name}, a field of its own`);
      }
    },
  ),
  webex_configs: receiver({ ...keysOf("text", "message room_id"), api_url: "url" }, (section) => {
    requireOneOf(section, ["room_id"]);
    if (!isGiven(section.section("http_config"), "authorization"))
      section.fail("http_config", "has no authorization, it must be there");
  }),
  wechat_configs: receiver(
    {
      ...keysOf(
        "text",
        "agent_id api_secret api_secret_file corp_id message message_type to_party to_tag to_user",
      ),
      api_url: "url",
    },
    (section, global) => {
      requireAtMostOne(section, both("api_secret"));
      requireHereOrGlobally(section, global, both("api_secret"), "wechat_");
      if (!isGiven(global, "wechat_api_corp_id")) requireOneOf(section, ["corp_id"]);
      const type = section.string("message_type", { default: "" });
      if (type !== "" && type !== "text" && type !== "markdown")
        section.fail("message_type", "must be text or markdown");
    },
  ),
};
