import assert from "node:assert/strict";
import { test } from "node:test";
import { changedJson } from "../../../support/changed-json.js";
import {
  decodeHeartbeat,
  decodeHeartbeatReply,
  encodeHeartbeat,
  encodeHeartbeatReply,
  type Heartbeat,
  type HeartbeatReply,
} from "../../../../exporter/shared/protocol/heartbeat.js";

const HEARTBEAT: Heartbeat = {
  nodeId: "0123456789abcdef".repeat(2),
  hostname: "kitchen-pi.lan",
  port: 9101,
  bootId: "0aa6a5fb-23fd-4ee4-8b5f-63f4cd2bd9f2",
  wallMs: 1_768_230_010_000,
  monotonicMs: 5000,
  history: { fromMs: 1_768_230_000_000, untilMs: 1_768_230_010_000, sizeBytes: 120 },
};
const REPLY: HeartbeatReply = { known: true, pool: 3, durableUntilMs: 1_768_230_000_000 };

for (const { name, heartbeat } of [
  { name: "with history", heartbeat: HEARTBEAT },
  { name: "without history", heartbeat: { ...HEARTBEAT, history: undefined } },
]) {
  test(`A heartbeat is read as it was written: ${name}`, () => {
    assert.deepEqual(decodeHeartbeat(encodeHeartbeat(heartbeat)), heartbeat);
  });
}

test("A heartbeat with unknown fields is accepted, so that a newer exporter can add fields", () => {
  const text = encodeHeartbeat(HEARTBEAT).replace("{", '{"model":"5B",');
  assert.deepEqual(decodeHeartbeat(text), HEARTBEAT);
});

for (const { name, field, value, message } of [
  {
    name: "number as node id",
    field: "node_id",
    value: 5,
    message: "node_id is 5, it must be 32 hexadecimal digits",
  },
  {
    name: "host name with a space",
    field: "hostname",
    value: "a b",
    message: 'hostname is "a b", it must be a host name',
  },
  {
    name: "port 0",
    field: "port",
    value: 0,
    message: "port is 0, it must be a whole number from 1 to 65535",
  },
  {
    name: "empty boot id",
    field: "boot_id",
    value: "",
    message: 'boot_id is "", it must be a boot id',
  },
  {
    name: "negative clock",
    field: "wall_ms",
    value: -1,
    message: "wall_ms is -1, it must be a whole number of at least 0",
  },
  {
    name: "no uptime",
    field: "monotonic_ms",
    value: undefined,
    message: "monotonic_ms is missing, it must be a whole number of at least 0",
  },
  {
    name: "history without a range",
    field: "history",
    value: {},
    message: "history.from_ms is missing, it must be a whole number of at least 0",
  },
]) {
  test(`A heartbeat is refused: ${name}`, () => {
    const body = changedJson(encodeHeartbeat(HEARTBEAT), { [field]: value });
    assert.throws(() => decodeHeartbeat(body), {
      code: "bad_input",
      message: `Cannot read heartbeat: ${message}`,
    });
  });
}

for (const { name, reply } of [
  { name: "in a pool", reply: REPLY },
  { name: "in no pool", reply: { known: false, pool: null, durableUntilMs: 0 } },
]) {
  test(`A heartbeat reply is read as it was written: ${name}`, () => {
    assert.deepEqual(decodeHeartbeatReply(encodeHeartbeatReply(reply)), reply);
  });
}

for (const { name, text, message } of [
  {
    name: "pool 5",
    text: '{"known":true,"pool":5,"durable_until_ms":0}',
    message: "pool is 5, it must be a whole number from 0 to 4",
  },
  {
    name: "no pool",
    text: '{"known":true,"durable_until_ms":0}',
    message: "pool is missing, it must be a whole number from 0 to 4",
  },
  { name: "page of a proxy", text: "<html>", message: "it is not JSON" },
]) {
  test(`A heartbeat reply is refused: ${name}`, () => {
    assert.throws(() => decodeHeartbeatReply(text), {
      code: "bad_input",
      message: `Cannot read heartbeat reply: ${message}`,
    });
  });
}
