import assert from "node:assert/strict";
import { test } from "node:test";
import { COUNTERS_FILE, CounterFile } from "../../../exporter/app/counter-file.js";
import { checkExporterState } from "../../../exporter/program/check-state-command.js";
import { silentLogger } from "../../../exporter/shared/platform/logger.js";
import { CounterRows } from "../../../exporter/sources/counter-rows.js";
import { FakeClock } from "../../support/fake-clock.js";
import { MemoryFiles } from "../../support/memory-files.js";

const FOLDER = "/state";
const FILE = `${FOLDER}/${COUNTERS_FILE}`;

class Machine {
  readonly files = new MemoryFiles();
  readonly clock = new FakeClock();
  readonly warnings: string[] = [];

  async start(bootId = "boot"): Promise<{ file: CounterFile; show: Show }> {
    const { files, clock } = this;
    await files.makeFolder(FOLDER);
    const note = (text: string): unknown => this.warnings.push(text);
    const log = { ...silentLogger, warn: note, error: note };
    const file = await CounterFile.open({ folder: FOLDER, bootId, clock, files, log });
    const rows = new CounterRows({ wrapAt: 2 ** 32 });
    file.counters.keep("network", rows);
    const show = async (...values: number[]): Promise<readonly number[] | undefined> => {
      const shown = await rows.update([{ name: "eth0", values }]);
      file.afterRun();
      await new Promise((resolve) => setImmediate(resolve));
      return shown[0]?.values;
    };
    return { file, show };
  }
}

type Show = (...values: number[]) => Promise<readonly number[] | undefined>;

test("counters are written when a restart would let one fall, at most once a minute, and at the stop", async () => {
  const machine = new Machine();
  const { file, show } = await machine.start();
  await show(2 ** 32 - 10, 1);
  assert.equal(await machine.files.facts(FILE), undefined, "nothing is held");
  await show(1000, 2);
  const first = await machine.files.readText(FILE);
  await show(999, 3);
  await show(1001, 4);
  assert.equal(await machine.files.readText(FILE), first, "within a minute");
  await show(2 ** 32 - 1, 5);
  await machine.clock.advance(60_000);
  await show(3, 6);
  const second = await machine.files.readText(FILE);
  assert.notEqual(second, first);
  await show(5, 7);
  await file.stop();
  assert.notEqual(await machine.files.readText(FILE), second);
  const next = await machine.start();
  assert.deepEqual(await next.show(6, 8), [2 ** 33 + 6, 8]);
});

test("counters after kill -9 go on from the last write", async () => {
  const machine = new Machine();
  const { show } = await machine.start();
  await show(2 ** 32 - 10, 1);
  await show(10, 2); // Written.
  assert.deepEqual(await show(500, 3), [2 ** 32 + 500, 3]);
  const { show: showNext } = await machine.start();
  assert.deepEqual(await showNext(500, 3), [2 ** 32 + 500, 3]);
});

for (const bootId of ["another", "0"]) {
  test(`counters of boot "boot" are not used in boot "${bootId}"`, async () => {
    const machine = new Machine();
    const { file, show } = await machine.start();
    await show(2 ** 32 - 10, 1);
    await show(10, 2);
    await file.stop();
    const { show: showNext } = await machine.start(bootId);
    assert.deepEqual(await showNext(11, 3), [11, 3]);
  });
}

test("a start that fails before any collector exists keeps the counters", async () => {
  const machine = new Machine();
  const { file, show } = await machine.start();
  await show(2 ** 32 - 10, 1);
  await show(10, 2);
  await file.stop();
  const before = await machine.files.readText(FILE);
  const { files, clock } = machine;
  const parts = { folder: FOLDER, bootId: "boot", clock, files, log: silentLogger };
  await (await CounterFile.open(parts)).stop();
  assert.equal(await machine.files.readText(FILE), before);
});

for (const damaged of [
  "",
  "{",
  "[]",
  '{"version":2,"boot":"boot","counters":{}}',
  '{"version":1,"boot":"boot","counters":{"network":[["eth0",null,[1],[2],[]]]}}',
  '{"version":1,"boot":"boot","counters":{"network":[["eth0",null,[1],[null],[3]]]}}',
  '{"version":1,"boot":"boot","counters":{"network":[["eth0",null,[1],[-1],[3]]]}}',
  '{"version":1,"boot":"boot","counters":{"network":7}}',
]) {
  test(`a damaged file of counters is kept aside and found by check state: ${damaged}`, async () => {
    const machine = new Machine();
    machine.files.put(FILE, damaged);
    const { lines, succeeded } = await checkExporterState(FOLDER, machine.files);
    assert.equal(succeeded, false);
    assert.match(lines.join("\n"), /DAMAGED: \/state\/counters\.json: Cannot read the counters/);
    const { file, show } = await machine.start();
    assert.deepEqual(await show(7, 8), [7, 8]);
    assert.equal(await machine.files.readText(`${FILE}.aside-1`), damaged);
    assert.equal(machine.warnings.length, 1);
    await file.stop();
    assert.equal((await checkExporterState(FOLDER, machine.files)).succeeded, true);
  });
}
