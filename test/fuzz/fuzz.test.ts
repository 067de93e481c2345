import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { after, test } from "node:test";
import { FIXTURES } from "../support/repository.js";
import { fuzz, MAX_INPUT_MS, tryInput } from "./fuzz.js";
import type { FuzzTarget } from "./fuzz-target.js";
import { allTargets } from "./targets.js";

const INPUTS = 120;
const SEED = 20_260_112;
/** The time of a run does not count here: `npm run fuzz` measures it. */
const stoppedClock = (): number => 0;

const targets = await allTargets();
after(async () => {
  for (const target of targets) await target.close?.();
});

for (const target of targets) {
  test(`Every example of valid input is accepted: ${target.name}`, async () => {
    for (const seed of target.seeds) await target.run(Buffer.from(seed));
  });

  test(`Random changes of valid input are read or refused: ${target.name}`, async () => {
    const isOver = (index: number): boolean => index >= INPUTS;
    const { failures } = await fuzz(target, {
      seed: SEED,
      fromIndex: 0,
      isOver,
      monotonicMs: stoppedClock,
    });
    assert.deepEqual(
      failures.map(({ input, problem }) => `${problem}: ${input.toString("base64")}`),
      [],
    );
  });
}

/** One file for each input that failed once: `<target with dashes>-<what went wrong>.bin`. */
const kept = readdirSync(path.join(FIXTURES, "fuzz")).filter((name) => name.endsWith(".bin"));
for (const name of kept) {
  test(`An input that failed once is read or refused: ${name}`, async () => {
    const found = targets.filter((target) => name.startsWith(target.name.replaceAll(" ", "-")));
    assert.ok(found.length > 0, "the name starts with the name of a target");
    const input = readFileSync(path.join(FIXTURES, "fuzz", name));
    for (const target of found)
      assert.equal(await tryInput(target, input, stoppedClock), undefined, target.name);
  });
}

test("A bug and a slow reader are failures", async () => {
  const broken = (run: FuzzTarget["run"]): FuzzTarget => ({
    name: "broken",
    seeds: [Buffer.from("a")],
    tokens: [],
    run,
  });
  const bug = await tryInput(
    broken(() => {
      throw new TypeError("x is undefined");
    }),
    Buffer.alloc(0),
    stoppedClock,
  );
  assert.match(bug ?? "", /x is undefined/);
  let nowMs = 0;
  const slow = broken(() => (nowMs += MAX_INPUT_MS + 1));
  assert.match((await tryInput(slow, Buffer.alloc(0), () => nowMs)) ?? "", /took 1001 ms/);
});
