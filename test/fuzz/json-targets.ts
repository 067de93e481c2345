import { decodeHeartbeat, decodeHeartbeatReply } from "../../exporter/shared/protocol/heartbeat.js";
import { decodeHistoryList } from "../../exporter/shared/protocol/history.js";
import { JsonFields } from "../../exporter/shared/codec/json-fields.js";
import {
  decodeNotificationRecord,
  encodeNotificationRecord,
} from "../../scraper/alerting/alerts/notification-log.js";
import {
  decodeOutboxMessage,
  type OutboxMessage,
  outboxMessageToJson,
} from "../../scraper/alerting/messages/outbox-message.js";
import { decodePostedAlerts } from "../../scraper/api/alertmanager/posted-alerts.js";
import { decodePostedSilence } from "../../scraper/api/alertmanager/posted-silence.js";
import { decodeGapFile } from "../../scraper/backfill/gap-file.js";
import { parseTargetGroupsJson } from "../../scraper/discovery/target-group.js";
import { decodeFleetFacts, decodeHostFacts } from "../../scraper/fleet/host-facts.js";
import { decodeAlert } from "../../scraper/rule-engine/evaluation/alert-state-file.js";
import type { FuzzTarget } from "./fuzz-target.js";

const JSON_TOKENS = [
  '"a":1,',
  '"labels":{"a":"b"}',
  "[[[[[[[[",
  '{"a":{"a":{"a":',
  "null",
  "true",
  '"__proto__":{}',
  "1e999",
  "-0",
  '"\\ud800"',
  '"2026-01-12T15:00:28Z"',
  '"0001-01-01T00:00:00Z"',
];

const TIME = "2026-01-12T15:00:28.5Z";
const BOOT = "8859f9e1-e0c4-4b5b-afee-c9b0e4368736";
const NODE = "0123456789abcdef0123456789abcdef";

const HOST = {
  version: 1,
  address: "10.0.0.1",
  exporters: [{ port: 8732, first_seen: TIME, last_seen: TIME, node: null }],
};
const GAPS = {
  version: 1,
  written_ms: 5,
  targets: [
    {
      labels: { instance: "pi1:8732", job: "pi" },
      node_id: NODE,
      ongoing_from_ms: null,
      missing: [[1, 2, "link_down"]],
      closed: [[3, 4, "node_off", "lost"]],
    },
  ],
  boots: [[BOOT, [[1, 2, 0]]]],
};
const MESSAGE: OutboxMessage = {
  receiver: "mail",
  integration: 0,
  createdAtMs: 5,
  payload: { kind: "webhook", body: "{}" },
  record: { id: "k", timestampMs: 1, firing: ["a"], resolved: [], threadMs: 1, expiresAtMs: 9 },
};

/** Readers of JSON: bodies of requests and responses, and state files. */
export function jsonTargets(): FuzzTarget[] {
  const at = { nowMs: Date.parse(TIME), resolveTimeoutMs: 300_000 };
  return [
    target("heartbeats", decodeHeartbeat, {
      node_id: NODE,
      hostname: "pi1",
      port: 8732,
      boot_id: BOOT,
      wall_ms: 1_768_221_628_000,
      monotonic_ms: 5000,
      history: { from_ms: 1, until_ms: 2, size_bytes: 3 },
    }),
    target("replies to heartbeats", decodeHeartbeatReply, {
      known: true,
      pool: 1,
      durable_until_ms: 5,
    }),
    target("lists of histories", decodeHistoryList, {
      node_id: NODE,
      boot_id: BOOT,
      wall_ms: 1_768_221_628_000,
      monotonic_ms: 5000,
      segments: [
        {
          name: "0000000001-1768221628000.prom.gz",
          from_ms: 1,
          last_ms: 2,
          bytes: 3,
          sha256: "a".repeat(64),
          open: true,
          boot_id: BOOT,
        },
      ],
    }),
    target("posted alerts", (text) => decodePostedAlerts(text, at), [
      {
        labels: { alertname: "A", instance: "pi1:8732" },
        annotations: { summary: "s" },
        startsAt: TIME,
        endsAt: TIME,
        generatorURL: "http://h/g",
      },
    ]),
    target("posted silences", decodePostedSilence, {
      matchers: [{ name: "a", value: "b", isRegex: true, isEqual: false }],
      startsAt: TIME,
      endsAt: "2026-01-13T15:00:28Z",
      createdBy: "c",
      comment: "d",
    }),
    target("targets from HTTP discovery", (text) => parseTargetGroupsJson(text, "http://h/sd"), [
      { targets: ["pi1:8732", "[fd00::1]:1"], labels: { a: "b" } },
    ]),
    target("files of gaps", decodeGapFile, GAPS),
    target("files of hosts", decodeHostFacts, HOST),
    target("line of the fleet", decodeFleetFacts, HOST),
    target("messages of the outbox", decodeOutboxMessage, outboxMessageToJson(MESSAGE)),
    target("states of alerts", (text) => decodeAlert(JsonFields.parse(text, "alert")), {
      labels: { alertname: "A" },
      annotations: { summary: "s" },
      value: "1.5",
      state: "firing",
      activeAtMs: 1,
      firedAtMs: 2,
      resolvedAtMs: null,
      lastSentAtMs: null,
      keepFiringSinceMs: null,
    }),
    target(
      "log of notifications",
      (text) => decodeNotificationRecord(JsonFields.parse(text, "log")),
      encodeNotificationRecord(MESSAGE.record),
    ),
  ];
}

const target = (name: string, decode: (text: string) => unknown, example: unknown): FuzzTarget => ({
  name,
  seeds: [Buffer.from(JSON.stringify(example))],
  tokens: JSON_TOKENS,
  run: (input) => decode(input.toString()),
});
