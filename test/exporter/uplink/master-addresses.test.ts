import assert from "node:assert/strict";
import { test } from "node:test";
import { MasterAddresses } from "../../../exporter/uplink/master-addresses.js";
import { FakeClock, settle } from "../../support/fake-clock.js";

interface Bench {
  readonly addresses: MasterAddresses;
  readonly clock: FakeClock;
  readonly asked: string[];
}

/** A missing name cannot be resolved. */
function start(masters: readonly string[], dns: Map<string, readonly string[]>): Bench {
  const clock = new FakeClock();
  const asked: string[] = [];
  const addresses = new MasterAddresses({
    masters,
    clock,
    resolveHost: async (name) => {
      asked.push(name);
      const found = dns.get(name);
      if (found === undefined) throw new Error("ENOTFOUND");
      return [...found];
    },
  });
  return { addresses, clock, asked };
}

for (const { name, url, host } of [
  { name: "a name", url: "http://master.example:8730", host: "master.example" },
  { name: "an IPv4 address", url: "http://10.0.0.1:8730", host: "10.0.0.1" },
  { name: "an IPv6 address", url: "http://[fd00::1]:8730", host: "fd00::1" },
  {
    name: "a URL with user information",
    url: "https://u:p@master.example",
    host: "master.example",
  },
]) {
  test(`the addresses of a master that is configured as ${name} are known`, async () => {
    const { addresses, asked } = start([url], new Map([[host, ["10.0.0.1", "fd00::1"]]]));
    addresses.refresh();
    await settle();
    assert.deepEqual(asked, [host]);
    assert.ok(addresses.has("10.0.0.1"));
    assert.ok(addresses.has("fd00::1"));
    assert.ok(!addresses.has("10.0.0.2"));
  });
}

test("a failure of the resolver keeps the last addresses and those of other masters", async () => {
  const dns = new Map([
    ["a.example", ["10.0.0.1"]],
    ["b.example", ["10.0.0.2"]],
  ]);
  const { addresses, clock } = start(["http://a.example:1", "http://b.example:1"], dns);
  addresses.refresh();
  await settle();
  dns.delete("a.example");
  dns.set("b.example", ["10.0.0.3"]);
  await clock.advance(300_000);
  addresses.has("10.0.0.9"); // Starts to resolve; this answer is from the last resolution.
  await settle();
  assert.deepEqual(
    ["10.0.0.1", "10.0.0.2", "10.0.0.3"].map((address) => addresses.has(address)),
    [true, false, true],
  );
});

test("many questions ask the resolver once in five minutes", async () => {
  const { addresses, clock, asked } = start(["http://a.example"], new Map());
  for (let minute = 0; minute < 10; minute++) {
    for (let index = 0; index < 1000; index++) addresses.has("10.0.0.1");
    await clock.advance(60_000);
  }
  assert.equal(asked.length, 2);
});
