import assert from "node:assert/strict";
import { test } from "node:test";
import { setForeignStateAside } from "../../../exporter/app/foreign-state.js";
import { silentLogger } from "../../../exporter/shared/platform/logger.js";
import { loadNodeId } from "../../../exporter/uplink/node-id.js";
import { MemoryFiles } from "../../support/memory-files.js";

const STATE = "/var/lib/pihealth-exporter";
const ID_A = "a".repeat(32);
const ID_B = "b".repeat(32);

interface Machine {
  readonly id?: string;
  readonly serial?: string;
}

/** Starts on a machine with this card, as the exporter does. */
async function start(files: MemoryFiles, { id, serial }: Machine): Promise<string> {
  for (const [filePath, text] of [
    ["/etc/machine-id", id],
    ["/proc/device-tree/serial-number", serial],
  ] as const) {
    await files.remove(filePath);
    if (text !== undefined) files.put(filePath, `${text}\0`);
  }
  const warnings: string[] = [];
  const log = { ...silentLogger, warn: (text: string) => warnings.push(text) };
  await setForeignStateAside(STATE, files, log);
  await loadNodeId(STATE, files, silentLogger);
  return warnings.join("; ");
}

const CASES: readonly {
  readonly name: string;
  readonly first: Machine;
  readonly second: Machine;
  readonly isFresh: boolean;
  readonly warning?: RegExp;
}[] = [
  { name: "the same machine", first: { id: ID_A }, second: { id: ID_A }, isFresh: false },
  {
    name: "a copy on a machine without a serial number",
    ...{ first: { id: ID_A }, second: { id: ID_B } },
    ...{ isFresh: true, warning: /set aside/ },
  },
  {
    name: "a copy on another board with a machine id of its own",
    ...{ first: { id: ID_A, serial: "10" }, second: { id: ID_B, serial: "20" } },
    ...{ isFresh: true, warning: /set aside/ },
  },
  {
    name: "a new machine id at each boot of the same board",
    ...{ first: { id: ID_A, serial: "10" }, second: { id: ID_B, serial: "10" } },
    isFresh: false,
  },
  {
    name: "the same card in another board",
    ...{ first: { id: ID_A, serial: "10" }, second: { id: ID_A, serial: "20" } },
    ...{ isFresh: false, warning: /Board changed/ },
  },
  { name: "no machine id", first: {}, second: {}, isFresh: false },
  { name: "a machine id for the first time", first: {}, second: { id: ID_A }, isFresh: false },
  { name: "an empty machine id", first: { id: ID_A }, second: { id: "" }, isFresh: false },
];

for (const { name, first, second, isFresh, warning } of CASES) {
  test(`State folder of another machine: ${name}`, async () => {
    const files = new MemoryFiles();
    files.put(`${STATE}/history/0000000001-5.prom.gz`, "segment");
    files.put(`${STATE}/outbox/1.json`, "{}");
    await start(files, first);
    const nodeId = await files.readText(`${STATE}/node-id`);
    const said = await start(files, second);
    assert.match(said, warning ?? /^$/);
    assert.equal((await files.readText(`${STATE}/node-id`)) !== nodeId, isFresh);
    const aside = `${STATE}/of-another-machine`;
    const segment = `${isFresh ? aside : STATE}/history/0000000001-5.prom.gz`;
    assert.equal(await files.readText(segment), "segment");
    assert.equal((await files.facts(`${STATE}/outbox`)) === undefined, isFresh);
    assert.equal(await start(files, second), "", "it is said once");
    assert.ok(!(await files.readText(`${STATE}/machine`)).includes(ID_A), "the id is not shown");
  });
}
