import assert from "node:assert/strict";
import { test } from "node:test";
import { loadNodeId } from "../../../exporter/uplink/node-id.js";
import { silentLogger } from "../../../exporter/shared/platform/logger.js";
import { MemoryFiles } from "../../support/memory-files.js";

test("the node id is created once and kept", async () => {
  const files = new MemoryFiles();
  const first = await loadNodeId("/state", files, silentLogger);
  assert.match(first, /^[0-9a-f]{32}$/);
  assert.equal(await loadNodeId("/state", files.afterPowerCut(), silentLogger), first);
});

test("a node id file with other content is replaced", async () => {
  const files = new MemoryFiles();
  files.put("/state/node-id", "rubbish");
  const nodeId = await loadNodeId("/state", files, silentLogger);
  assert.match(nodeId, /^[0-9a-f]{32}$/);
  assert.equal(await files.readText("/state/node-id"), `${nodeId}\n`);
});

test("in a state folder that cannot be written, the node id lasts only until the stop", async () => {
  const files = new MemoryFiles();
  files.fault = (operation) => (operation === "read" ? undefined : "EROFS");
  assert.match(await loadNodeId("/state", files, silentLogger), /^[0-9a-f]{32}$/);
});
