import assert from "node:assert/strict";
import { test } from "node:test";
import { Labels } from "../../../exporter/shared/model/labels.js";
import type { Target } from "../../../scraper/fleet/target.js";
import { TargetIndex } from "../../../scraper/app/target-index.js";
import { FakeClock } from "../../support/fake-clock.js";
import { target } from "../scrape/scrape-fixture.js";

const targetOf = (host: string, port?: number): Target => target(host, undefined, port);

function indexOf(...targets: Target[]): TargetIndex {
  const index = new TargetIndex({
    clock: new FakeClock(),
    healthOf: (id) =>
      id.includes("//10.0.0.7:") ? "up" : id.includes("//10.0.0.8:") ? "down" : undefined,
    namesOf: (address) => (address === "10.0.0.9" ? ["pi9", "pi9.lan"] : []),
  });
  index.set(targets);
  return index;
}

for (const { name, address, port, found } of [
  { name: "its address", address: "10.0.0.7", port: 8732, found: "10.0.0.7" },
  { name: "a name of its address", address: "10.0.0.9", port: 8732, found: "pi9.lan" },
  {
    name: "another way to write its address",
    address: "fd00:0:0::7",
    port: 8732,
    found: "fd00::7",
  },
  { name: "another port", address: "10.0.0.7", port: 9100, found: undefined },
  { name: "an address nobody has", address: "10.0.0.10", port: 8732, found: undefined },
]) {
  test(`a target is found by ${name}`, () => {
    const index = indexOf(targetOf("10.0.0.7"), targetOf("pi9.lan"), targetOf("fd00::7"));
    assert.equal(index.at(address, port)?.host, found);
  });
}

test("the targets of a host include all of its ports and names", () => {
  const [pi, other, named] = [targetOf("10.0.0.9"), targetOf("10.0.0.9", 8733), targetOf("pi9")];
  const index = indexOf(pi, other, named, targetOf("10.0.0.7"));
  assert.deepEqual(new Set(index.onHost("10.0.0.9")), new Set([pi, other, named]));
  assert.equal(index.at("10.0.0.9", 8733), other);
});

test("a target is silent while it is down, and an unknown one for two minutes after the start", async () => {
  const index = indexOf(targetOf("10.0.0.7"), targetOf("10.0.0.8"));
  const labels = (host: string) => Labels.of({ instance: `${host}:8732`, job: "pi" });
  assert.equal(index.isSilent(labels("10.0.0.7")), false);
  assert.equal(index.isSilent(labels("10.0.0.8")), true);
  assert.equal(index.isSilent(labels("10.0.0.12")), true);
  assert.equal(index.isSilent(Labels.of({ job: "pi" })), false);
});
