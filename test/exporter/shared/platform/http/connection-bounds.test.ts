import assert from "node:assert/strict";
import net from "node:net";
import { test } from "node:test";
import { ConnectionBounds } from "../../../../../exporter/shared/platform/http/connection-bounds.js";
import {
  LEAST_BYTES_PER_SECOND,
  ServedConnection,
} from "../../../../../exporter/shared/platform/http/served-connection.js";
import { Turns } from "../../../../../exporter/shared/platform/http/turns.js";

/** A connection whose output the test controls. */
function createConnection(output: { writtenBytes: number; waitingBytes: number }) {
  const socket = new net.Socket();
  Object.defineProperty(socket, "bytesWritten", { get: () => output.writtenBytes });
  Object.defineProperty(socket, "writableLength", { get: () => output.waitingBytes });
  const connection = new ServedConnection({
    socket,
    address: "10.0.0.1",
    turns: new Turns(),
    handle: () => undefined,
    onChange: () => undefined,
  });
  return { socket, connection };
}

for (const { name, readBytes, isKept } of [
  { name: "no response waits", readBytes: 1_000_000, isKept: true },
  {
    name: "a client reads at twice the least speed",
    readBytes: 10 * LEAST_BYTES_PER_SECOND,
    isKept: true,
  },
  { name: "a client reads one byte every 5 s", readBytes: 1, isKept: false },
  { name: "a client reads nothing", readBytes: 0, isKept: false },
]) {
  test(`${name}: the connection is ${isKept ? "kept" : "closed"} after some minutes`, () => {
    let nowMs = 0;
    const warnings: string[] = [];
    const limits = { maxConnections: 10, maxPerAddress: 10, isFriend: () => false };
    const bounds = new ConnectionBounds(
      limits,
      () => nowMs,
      (message) => void warnings.push(message),
    );
    const output = { writtenBytes: 1_000_000, waitingBytes: 1_000_000 };
    const { socket, connection } = createConnection(output);
    bounds.admit(connection);
    for (; nowMs < 400_000; nowMs += 5000) {
      bounds.closeSlow();
      output.waitingBytes = Math.max(0, output.waitingBytes - readBytes);
    }
    assert.equal(socket.destroyed, !isKept);
    assert.equal(bounds.closed.slow_reader, isKept ? 0 : 1);
    assert.deepEqual(warnings, isKept ? [] : ["Connection closed"]);
    assert.equal(bounds.size, isKept ? 1 : 0);
  });
}

test("a flood at the bound closes the idle connections of the largest crowd", () => {
  const limits = { maxConnections: 100, maxPerAddress: 100, isFriend: () => false };
  const bounds = new ConnectionBounds(
    limits,
    () => 0,
    () => undefined,
  );
  const admit = (address: string): net.Socket => {
    const socket = new net.Socket();
    const parts = { socket, address, turns: new Turns() };
    const connection = new ServedConnection({
      ...parts,
      handle: () => undefined,
      onChange: () => undefined,
    });
    bounds.admit(connection);
    return socket;
  };
  const few = ["10.0.0.2", "10.0.0.3"].map(admit);
  for (let index = 0; index < 98; index++) admit("10.0.0.1");
  const newcomer = admit("10.0.0.4");
  assert.deepEqual(
    [...few, newcomer].map(({ destroyed }) => destroyed),
    [false, false, false],
  );
  assert.ok(bounds.size < 100);
});
