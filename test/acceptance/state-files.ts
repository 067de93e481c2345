/** State files of both programs with valid content, for tests that damage them. */

export interface StateFile {
  /** Below the data or state folder. */
  readonly file: string;
  readonly content: string;
  /** Damages after which the content is still valid for this file. */
  readonly valid?: readonly string[];
}

const TIME = "2026-01-12T15:00:28.000Z";
const HOST_FACTS = JSON.stringify({
  version: 1,
  address: "10.0.0.7",
  first_seen: TIME,
  last_seen: TIME,
  exporters: [{ port: 8732, first_seen: TIME, last_seen: TIME, node: null }],
  targets: [],
});
const line = (record: object): string => `${JSON.stringify({ v: 1, ...record })}\n`;
const past = { labels: {}, annotations: {}, activeAtMs: 1, firedAtMs: 1, endedAtMs: 2 };
const ended = { startsAtMs: 1, endsAtMs: 2 };
const ANY_TEXT = ["empty file", "rubbish bytes", "truncated content", "another shape"];
/** A crash may leave an empty file or a torn last line. */
const TORN = ["empty file", "truncated content"];

export const SCRAPER_FILES: readonly StateFile[] = [
  { file: "lock", content: "1 2 3", valid: ANY_TEXT },
  { file: "inventory", content: "84ed8a56 pihealth inventory 1\n" },
  { file: "fleet.json", content: `${HOST_FACTS}\n` },
  { file: "hosts/10.0.0.7/host.json", content: HOST_FACTS },
  {
    file: "hosts/10.0.0.7/gaps.json",
    content: '{"version":1,"written_ms":1,"targets":[],"boots":[]}',
  },
  { file: "rules/recovery.json", content: '{"version":1,"gathered":null,"current":null}' },
  { file: "rules/alert-states.jsonl", content: line({ id: "saved", savedAtMs: 1 }), valid: TORN },
  {
    file: "rules/alert-history.jsonl",
    content: line({ id: "a-1", ...past, times: 1, worst: null, source: "live" }),
    valid: TORN,
  },
  {
    file: "alerting/silences.jsonl",
    content: line({ id: "s", matchers: [], ...ended, updatedAtMs: 1, createdBy: "", comment: "" }),
    valid: TORN,
  },
  {
    file: "alerting/alarms.jsonl",
    content: line({ id: "a", ...past, ...ended, endsByTimeout: false, generatorUrl: "" }),
    valid: TORN,
  },
  {
    file: "alerting/notification-log.jsonl",
    content: line({
      id: "n",
      timestampMs: 1,
      firing: [],
      resolved: [],
      threadMs: 1,
      expiresAtMs: 2,
    }),
    valid: TORN,
  },
  {
    file: "alerting/outbox/000000000000001-000001-0a0b0c0d.json",
    content: line({
      receiver: "admin",
      integration: 0,
      createdAtMs: 1,
      payload: { kind: "webhook", body: "{}" },
      record: {
        v: 1,
        id: "m",
        timestampMs: 1,
        firing: [],
        resolved: [],
        threadMs: 1,
        expiresAtMs: 2,
      },
    }),
  },
];

export const EXPORTER_FILES: readonly StateFile[] = [
  { file: "lock", content: "1 2 3", valid: ANY_TEXT },
  { file: "node-id", content: `${"5e".repeat(16)}\n` },
  { file: "machine", content: "\n\n", valid: ["truncated content"] },
  {
    file: "outbox/000000000001.json",
    content:
      '{"version":1,"collector":"memory","starts_at_ms":1,"ends_at_ms":2,"labels":{},"annotations":{}}',
  },
];
