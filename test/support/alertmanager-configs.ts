/**
 * Configurations for Alertmanager, good and bad, to compare verdicts about them. The file exceeds 400
 * lines because it is one table.
 */

/** A part of a configuration in flow style, and the first minor version 0.x that knows its keys. */
interface Part {
  readonly text: string;
  readonly since?: number;
}

interface Parts {
  readonly global: readonly Part[];
  readonly root: readonly Part[];
  readonly child: readonly Part[];
  readonly email: readonly Part[];
  readonly webhook: readonly Part[];
  readonly http: readonly Part[];
  readonly receiver: readonly Part[];
  readonly inhibit: readonly Part[];
  readonly interval: readonly Part[];
  readonly top: readonly Part[];
}

const lines = (text: string, since?: number): Part[] =>
  text
    .trim()
    .split("\n")
    .map((line) => ({ text: line.trim(), ...(since === undefined ? {} : { since }) }));

/** Keys and values inside the mapping of their place. */
const PARTS: Parts = {
  global: [
    ...lines(`
      resolve_timeout: 0s
      resolve_timeout: 3d
      resolve_timeout: 30
      resolve_timeout: ""
      resolve_timeout: 300y
      resolve_timeout: 1h30m
      resolve_timeout: 90m1h
      smtp_hello: ""
      smtp_require_tls: no
      smtp_require_tls: "no"
      smtp_require_tls: maybe
      smtp_smarthost: mail
      smtp_smarthost: "mail:"
      smtp_smarthost: "[::1]:25"
      smtp_smarthost: ""
      smtp_auth_password: a, smtp_auth_username: b
      slack_api_url: "https://example.org/x"
      slack_api_url: "ftp://example.org"
      slack_api_url: "https://example.org", slack_api_url_file: x
      slack_api_url_file: x
      opsgenie_api_key: x
      opsgenie_api_url: "https://example.org"
      pagerduty_url: x
      victorops_api_key: x
      wechat_api_secret: x, wechat_api_corp_id: y
      unknown_key: x
      slack_api_url: {a: b}
    `),
    ...lines(
      `
      smtp_auth_password: a, smtp_auth_password_file: b
      smtp_auth_secret: a, smtp_auth_secret_file: b
      smtp_force_implicit_tls: true
      slack_app_token: x
      telegram_bot_token: x
      telegram_api_url: "http://example.org"
      mattermost_webhook_url: "https://example.org"
      rocketchat_token: x, rocketchat_token_id: y
      jira_api_url: "https://example.org"
      opsgenie_api_key: x, opsgenie_api_key_file: y
      victorops_api_key: x, victorops_api_key_file: y
      smtp_tls_config: {insecure_skip_verify: true, server_name: x}
      smtp_tls_config: {cert_file: a}
      smtp_tls_config: {min_version: TLS9}
      smtp_tls_config: {min_version: TLS13}
    `,
      33,
    ),
  ],
  root: lines(`
    group_by: [a, b]
    group_by: [a, a]
    group_by: ["..."]
    group_by: ["...", a]
    group_by: a
    group_by: [""]
    group_by: []
    group_wait: 0s
    group_wait: 3d
    group_interval: 0s
    group_interval: 1ms
    repeat_interval: 1ms
    repeat_interval: 0s
    group_interval: soon
    continue: true
    continue: false
    matchers: [a=b]
    matchers: []
    match: {a: b}
    mute_time_intervals: [nights]
    mute_time_intervals: []
    routes: {a: b}
    routes: []
    group_weight: 1
    receiver: other
  `),
  child: [
    ...lines(`
      receiver: ""
      receiver: other
      match: {a: b}
      match: {a: 1, b: true}
      match: {"a b": c}
      match: {a: }
      match_re: {a: "b|c"}
      match_re: {a: "("}
      match_re: {a: }
      match_re: {a: ""}
      matchers: [a=b]
      matchers: ["a=b,c=d"]
      matchers: ["{a=b, c=~\\"d|e\\"}"]
      matchers: ["a=\\"b"]
      matchers: ["a=~("]
      matchers: ["="]
      matchers: [","]
      matchers: ["a=b,,c=d"]
      matchers: a=b
      matchers: [5]
      mute_time_intervals: [nights]
      active_time_intervals: [nights]
      mute_time_intervals: [days]
      mute_time_intervals: nights
      continue: yes
      continue: 1
      group_by: ["..."], routes: [{group_by: [a]}]
      routes: [{routes: [{receiver: a, match: {x: y}}]}]
      routes: [{receiver: b}]
    `),
    ...lines(
      `
      matchers: ["\\"a b\\"=c"]
      matchers: ["a-b=c", "🙂=~d"]
      matchers: ["a b=c"]
      matchers: [""]
      matchers: ["{"]
      group_by: ["a-b", "🙂"]
    `,
      33,
    ),
  ],
  email: [
    ...lines(`
      to: ""
      to: "a@b, c@d"
      from: x@y
      html: "", text: ""
      headers: {Subject: a, subject: b}
      headers: {Subject: "{{ .Status }}", Cc: a@b, Bcc: c@d}
      headers: {"X: Y": z, Message-ID: a}
      smarthost: "h:587"
      smarthost: h
      smarthost: "a:b:c"
      smarthost: ":25"
      hello: ""
      require_tls: false
      send_resolved: on
      send_resolved: 1
      tls_config: {cert_file: a, key_file: b}
      tls_config: {unknown: a}
      auth_username: a, auth_password: b
      auth_secret: x
      subject: x
      html: "{{ bad"
    `),
    ...lines(
      `
      auth_password: a, auth_password_file: b
      auth_secret: a, auth_secret_file: b
      force_implicit_tls: false
      tls_config: {min_version: TLS12, max_version: TLS13}
      tls_config: {ca: a, ca_file: b}
      tls_config: {key: a}
      tls_config: {cert_file: a}
      threading: {enabled: true, thread_by_date: daily}
      threading: {enabled: true, thread_by_date: weekly}
    `,
      33,
    ),
  ],
  webhook: [
    ...lines(`
      max_alerts: 5
      max_alerts: -1
      max_alerts: "5"
      send_resolved: false
      unknown: x
    `),
    ...lines(
      `
      timeout: 10s
      timeout: 1.5m
      timeout: 1d
      timeout: 1000000000
      timeout: soon
      payload: {a: "{{ .Status }}"}
      url_file: x
    `,
      33,
    ),
  ],
  http: [
    ...lines(`
      basic_auth: {username: a, password: b}
      basic_auth: {username: a, password: b, password_file: c}
      basic_auth: {user: a}
      authorization: {credentials: x}
      authorization: {type: basic}
      authorization: {credentials: a, credentials_file: b}
      authorization: {credentials: x}, basic_auth: {username: a}
      bearer_token: a
      bearer_token: a, bearer_token_file: b
      bearer_token: a, authorization: {credentials: b}
      bearer_token: a, basic_auth: {username: b}
      proxy_url: "http://proxy:3128"
      follow_redirects: false
      follow_redirects: maybe
      enable_http2: false
      tls_config: {ca_file: a, server_name: b, insecure_skip_verify: true}
      tls_config: {insecure_skip_verify: "yes"}
      unknown: x
    `),
    ...lines(
      `
      oauth2: {client_id: a, client_secret: b, token_url: c}
      oauth2: {client_id: a}
      oauth2: {client_id: a, token_url: c, client_secret: d, client_secret_file: e}
      basic_auth: {username: a, username_file: b}
      authorization: {credentials_ref: a}
      no_proxy: x
      proxy_url: "http://x", no_proxy: y
      proxy_from_environment: true
      proxy_from_environment: true, proxy_url: "http://x"
      proxy_connect_header: {a: [b]}
      http_headers: {X-A: {values: [b], secrets: [c], files: [d]}}
      http_headers: {Authorization: {values: [b]}}
      tls_config: {min_version: TLS12}
      tls_config: {max_version: ""}
      tls_config: {cert: a, key: b}
    `,
      33,
    ),
  ],
  receiver: [
    ...lines(`
      slack_configs: [{channel: x, api_url: "https://example.org"}]
      slack_configs: [{channel: x}]
      slack_configs: [{chanel: x, api_url: "https://example.org"}]
      slack_configs: [{api_url: "https://example.org", actions: [{type: a, text: b}]}]
      slack_configs: [{api_url: "https://example.org", actions: [{type: a, text: b, url: c}], fields: [{title: a, value: b, short: true}]}]
      slack_configs: [{api_url: "https://example.org", fields: [{title: a}]}]
      slack_configs: [{api_url: "https://example.org", api_url_file: x}]
      pagerduty_configs: [{routing_key: x}]
      pagerduty_configs: [{}]
      pagerduty_configs: [{service_key: x, images: [{src: a}], links: [{href: b}], details: {a: b}}]
      opsgenie_configs: [{api_key: x}]
      opsgenie_configs: [{api_key: x, responders: [{type: team, name: a}]}]
      opsgenie_configs: [{api_key: x, responders: [{type: band, name: a}]}]
      opsgenie_configs: [{api_key: x, responders: [{type: team}]}]
      opsgenie_configs: [{}]
      pushover_configs: [{token: a, user_key: b, retry: 1m}]
      pushover_configs: [{token: a}]
      victorops_configs: [{api_key: a, routing_key: b}]
      victorops_configs: [{api_key: a}]
      victorops_configs: [{api_key: a, routing_key: b, custom_fields: {entity_state: x}}]
      wechat_configs: [{api_secret: a, corp_id: b}]
      wechat_configs: [{api_secret: a}]
      wechat_configs: [{api_secret: a, corp_id: b, message_type: html}]
      sns_configs: [{topic_arn: a, sigv4: {region: x}}]
      sns_configs: [{topic_arn: a, phone_number: b, sigv4: {region: x}}]
      sns_configs: [{sigv4: {region: x}}]
      telegram_configs: [{bot_token: a, chat_id: 5}]
      telegram_configs: [{bot_token: a}]
      telegram_configs: [{bot_token: a, chat_id: 5, parse_mode: Foo}]
      telegram_configs: [{bot_token: a, chat_id: x}]
      unknown_configs: [{a: b}]
      name: ""
      name: a
    `),
    ...lines(
      `
      discord_configs: [{webhook_url: "https://example.org"}]
      discord_configs: [{webhook_url: "https://example.org", webhook_url_file: x}]
      discord_configs: [{}]
      msteams_configs: [{webhook_url: "https://example.org"}]
      msteamsv2_configs: [{webhook_url_file: x}]
      msteamsv2_configs: [{}]
      webex_configs: [{room_id: a, http_config: {authorization: {credentials: x}}}]
      webex_configs: [{room_id: a}]
      webex_configs: [{http_config: {authorization: {credentials: x}}}]
      jira_configs: [{project: a, issue_type: b, api_url: "https://example.org"}]
      jira_configs: [{project: a, issue_type: b}]
      jira_configs: [{issue_type: b, api_url: "https://example.org"}]
      rocketchat_configs: [{token: a, token_id: b}]
      rocketchat_configs: [{token: a}]
      mattermost_configs: [{webhook_url: "https://example.org"}]
      mattermost_configs: [{channel: a}]
      incidentio_configs: [{url: "https://example.org", alert_source_token: a}]
      incidentio_configs: [{url: "https://example.org"}]
      incidentio_configs: [{alert_source_token: a}]
      telegram_configs: [{bot_token: a, chat_id_file: x}]
      slack_configs: [{app_token: a}]
      slack_configs: [{app_token: a, api_url: "https://example.org"}]
      slack_configs: [{api_url: "https://example.org", update_message: true}]
      pushover_configs: [{token: a, user_key: b, html: true, monospace: true}]
      labels: {team: a}
    `,
      33,
    ),
  ],
  inhibit: [
    ...lines(`
      source_match: {a: b}, target_match: {c: d}, equal: [e]
      source_match_re: {a: "b|c"}, target_match_re: {d: "("}
      source_match_re: {a: }
      source_match: {"a b": c}
      source_matchers: [a=b], target_matchers: ["c=~d"]
      source_matchers: a=b
      equal: e
      equal: [""]
      sources: [{matchers: [a=b]}]
      unknown: x
    `),
    ...lines(
      `
      name: x, source_matchers: ["a-b=c"]
      equal: ["a-b", "🙂"]
    `,
      33,
    ),
  ],
  interval: lines(`
    weekdays: [monday]
    weekdays: ["monday:friday", sunday]
    weekdays: ["friday:monday"]
    weekdays: [mon]
    weekdays: [Monday]
    weekdays: ["monday : friday"]
    weekdays: monday
    weekdays: []
    days_of_month: ["1:5"]
    days_of_month: ["-3:-1", 1]
    days_of_month: ["5:1"]
    days_of_month: ["-1:-3"]
    days_of_month: ["0"]
    days_of_month: ["32"]
    days_of_month: ["1:-1"]
    days_of_month: ["-31:31"]
    days_of_month: ["-5:3"]
    days_of_month: ["29:-3"]
    days_of_month: [" 1 : 5 "]
    months: [january]
    months: ["1:3", december]
    months: ["march:january"]
    months: [jan]
    months: ["13"]
    months: [0]
    months: ["january:3"]
    years: [2026]
    years: ["2026:2030"]
    years: ["2030:2026"]
    years: [twenty]
    years: ["0"]
    years: ["-5"]
    times: [{start_time: "09:00", end_time: "17:00"}]
    times: [{start_time: "17:00", end_time: "09:00"}]
    times: [{start_time: "9:00", end_time: "17:00"}]
    times: [{start_time: "00:00", end_time: "24:00"}]
    times: [{start_time: "24:00", end_time: "24:00"}]
    times: [{start_time: "25:00", end_time: "26:00"}]
    times: [{start_time: "09:00"}]
    times: [{start_time: "09:00", end_time: "17:00", x: y}]
    times: []
    location: Europe/Berlin
    location: UTC
    location: Local
    location: ""
    location: Mars/Base
    location: "+01:00"
    unknown: x
  `),
  top: [
    ...lines(`
      templates: [a.tmpl]
      templates: ["/no/such/*.tmpl"]
      templates: a.tmpl
      mute_time_intervals: [{name: nights}]
      mute_time_intervals: [{name: weekends, time_intervals: [{weekdays: [sunday]}]}]
      time_intervals: [{name: ""}]
      unknown: x
    `),
    ...lines(
      `
      templates: ["["]
      tracing: {endpoint: x}
      tracing: {}
      tracing: {endpoint: x, client_type: pigeon}
      event_recorder: {}
    `,
      33,
    ),
  ],
};

type Place = keyof Parts;

function render(chosen: Readonly<Partial<Record<Place, string>>>): string {
  const at = (place: Place, before = ", "): string =>
    chosen[place] === undefined ? "" : `${before}${chosen[place]}`;
  const email = `to: x@example.org${at("email")}`;
  const webhook = `url: "http://example.org"${at("webhook")}${
    chosen.http === undefined ? "" : `, http_config: {${chosen.http}}`
  }`;
  const global = `smtp_smarthost: "mail:587", smtp_from: a@example.org${at("global")}`;
  // A key that stands twice in a mapping is an error, so a given key replaces the standard one.
  const dedupe = (text: string): string => {
    const keys = [...text.matchAll(/(?:^|, )([a-z_]+):/g)].map(([, key]) => key);
    const [first = ""] = keys;
    return keys.filter((key) => key === first).length > 1 ? text.replace(/^[^,]+, /, "") : text;
  };
  const smarthost = (text: string): string =>
    (text.match(/smtp_smarthost:/g) ?? []).length > 1 ? text.replace(/^[^,]+, /, "") : text;
  const intervals = chosen.interval === undefined ? "" : `, time_intervals: [{${chosen.interval}}]`;
  return [
    `global: {${smarthost(global)}}`,
    `route: {${dedupe(`receiver: a${at("root")}`)}${
      chosen.child === undefined || /(^|, )routes:/.test(chosen.root ?? "")
        ? ""
        : `, routes: [{${chosen.child}}]`
    }}`,
    `receivers: [{name: a, email_configs: [{${dedupe(email)}}], webhook_configs: [{${webhook}}]}, {${dedupe(
      `name: b${at("receiver")}`,
    )}}]`,
    `inhibit_rules: [{${at("inhibit", "")}}]`,
    ...(chosen.top?.startsWith("time_intervals") === true
      ? []
      : [`time_intervals: [{name: nights${intervals}}]`]),
    ...(chosen.top === undefined ? [] : [chosen.top]),
    "",
  ].join("\n");
}

/** A generator of numbers from 0 to 1 that always yields the same ones. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 0x1_0000_0000;
  };
}

/**
 * Every part alone in a valid configuration, then random combinations of two or three.
 *
 * @param minorVersion of Alertmanager 0.x: parts with keys that it does not know are left out
 */
export function* alertmanagerConfigs(
  minorVersion: number,
  combinations: number,
): Generator<string> {
  const places = Object.keys(PARTS).filter((name): name is Place => name in PARTS);
  const known = (place: Place): readonly Part[] =>
    PARTS[place].filter(({ since = 0 }) => since <= minorVersion);
  for (const place of places) for (const { text } of known(place)) yield render({ [place]: text });
  const random = numbers(20_260_112);
  const pick = <Item>(items: readonly Item[]): Item | undefined =>
    items[Math.floor(random() * items.length)];
  for (let index = 0; index < combinations; index++) {
    const chosen: Partial<Record<Place, string>> = {};
    for (let count = 0; count < 2 + (index % 2); count++) {
      const place = pick(places);
      const part = place && pick(known(place));
      if (place !== undefined && part !== undefined) chosen[place] = part.text;
    }
    yield render(chosen);
  }
}
