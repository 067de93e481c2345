import assert from "node:assert/strict";
import { test } from "node:test";
import { itemAt } from "../../../exporter/shared/model/get-or-throw.js";
import type { Heartbeat } from "../../../exporter/shared/protocol/heartbeat.js";
import { silentLogger } from "../../../exporter/shared/platform/logger.js";
import { Fleet, type HeartbeatOutcome, MAX_KNOWN_HOSTS } from "../../../scraper/fleet/fleet.js";
import type { KnownHost } from "../../../scraper/fleet/known-host.js";
import { FakeClock } from "../../support/fake-clock.js";
import { valueOf } from "../../support/metric-values.js";

const NODE = "a".repeat(32);
const OTHER = "b".repeat(32);

class FleetUnderTest {
  readonly clock = new FakeClock();
  readonly news: { readonly host: KnownHost; readonly isNews: boolean }[] = [];
  readonly fleet = new Fleet({
    clock: this.clock,
    log: silentLogger,
    isAllowedAddress: (address) => address.startsWith("10."),
    onHeartbeat: (host, isNews) => this.news.push({ host, isNews }),
  });

  beat(address: string, changes: Partial<Heartbeat> = {}): HeartbeatOutcome {
    const heartbeat: Heartbeat = {
      nodeId: NODE,
      hostname: "pi1",
      port: 8732,
      bootId: "boot-1",
      wallMs: this.clock.wallMs(),
      monotonicMs: this.clock.monotonicMs(),
      history: undefined,
      ...changes,
    };
    return this.fleet.receiveHeartbeat(heartbeat, address, this.clock.wallMs());
  }

  metric(name: string, reason?: string): number | undefined {
    return valueOf(this.fleet, name, reason === undefined ? {} : { reason });
  }
}

const refusalOf = (outcome: HeartbeatOutcome): string =>
  outcome.accepted ? "none" : outcome.refusal;

test("The first heartbeat makes a Pi known, and the next one finds it known", () => {
  const parts = new FleetUnderTest();
  const [first, second] = [parts.beat("10.0.0.1"), parts.beat("10.0.0.1")];
  assert.ok(first.accepted && !first.known);
  assert.ok(second.accepted && second.known);
  assert.deepEqual(
    parts.news.map(({ isNews }) => isNews),
    [true, false],
  );
});

test("A heartbeat contains the offset of the Pi's clock and the range of its history", () => {
  const parts = new FleetUnderTest();
  const history = { fromMs: 1, untilMs: 2, sizeBytes: 3 };
  parts.beat("10.0.0.1", { wallMs: parts.clock.wallMs() - 5000, history });
  const host = parts.fleet.hostAt("10.0.0.1", 8732);
  assert.equal(host?.node?.clockOffsetMs, -5000);
  assert.deepEqual(host.node.history, history);
  assert.equal(parts.fleet.hostOfNode(NODE), host);
});

test("An IPv4 address that arrives on an IPv6 socket is the same address", () => {
  const parts = new FleetUnderTest();
  parts.beat("::ffff:10.0.0.1");
  assert.equal(parts.fleet.hostAt("10.0.0.1", 8732)?.node?.hostname, "pi1");
});

test("An address outside the ranges is refused and leaves no trace", () => {
  const parts = new FleetUnderTest();
  assert.equal(refusalOf(parts.beat("192.168.0.1")), "address_not_allowed");
  assert.equal([...parts.fleet.allHosts()].length, 0);
  assert.equal(parts.metric("pihealth_heartbeats_refused_total", "address_not_allowed"), 1);
});

test("A thousand heartbeats at once affect only their sender", () => {
  const parts = new FleetUnderTest();
  const outcomes = Array.from({ length: 1000 }, () => refusalOf(parts.beat("10.0.0.1")));
  assert.equal(outcomes.filter((refusal) => refusal === "none").length, 200);
  assert.equal(outcomes.filter((refusal) => refusal === "rate_limited").length, 800);
  assert.equal(refusalOf(parts.beat("10.0.0.2", { nodeId: OTHER })), "none");
});

test("A sender that was refused for its rate is accepted again later", async () => {
  const parts = new FleetUnderTest();
  for (let count = 0; count < 300; count++) parts.beat("10.0.0.1");
  await parts.clock.advance(1000);
  assert.equal(refusalOf(parts.beat("10.0.0.1")), "none");
});

test("A node id from two machines at once is a copy, and the second one is refused", async () => {
  const parts = new FleetUnderTest();
  parts.beat("10.0.0.1");
  await parts.clock.advance(30_000);
  const copy = { bootId: "boot-2", hostname: "pi2", monotonicMs: 3_600_000 };
  const outcome = parts.beat("10.0.0.2", copy);
  assert.ok(!outcome.accepted);
  assert.equal(outcome.refusal, "duplicate_node");
  assert.match(
    outcome.message,
    /10\.0\.0\.2:8732 has the node id of 10\.0\.0\.1:8732, which runs too: on the copy, .* delete the whole content of its state folder/,
  );
  assert.equal(parts.fleet.supersededBy("10.0.0.2", 8732), "10.0.0.1:8732");
  assert.equal(parts.fleet.supersededBy("10.0.0.1", 8732), undefined);
  const clone = { endpoint: "10.0.0.2:8732", hostname: "pi2", holder: "10.0.0.1:8732" };
  assert.deepEqual(parts.fleet.clonedHosts(), [clone]);
  assert.equal(valueOf(parts.fleet, "pihealth_fleet_clone_info", clone), 1);
  await parts.clock.advance(120_000);
  assert.equal(parts.metric("pihealth_fleet_cloned_hosts"), 0);
});

test("Copies in containers with one kernel are recognised as soon as both were heard", async () => {
  const parts = new FleetUnderTest();
  const original = (): string => refusalOf(parts.beat("10.0.0.1", { bootId: "boot-1" }));
  const copy = (): string => refusalOf(parts.beat("10.0.0.2", { bootId: "boot-2" }));
  const seen: string[] = [];
  for (let round = 0; round < 3; round++) {
    seen.push(original());
    await parts.clock.advance(10_000);
    seen.push(copy());
    await parts.clock.advance(20_000);
  }
  assert.deepEqual(seen, ["none", "none", "none", "duplicate_node", "none", "duplicate_node"]);
  assert.deepEqual(
    parts.fleet.clonedHosts().map(({ endpoint, holder }) => [endpoint, holder]),
    [["10.0.0.2:8732", "10.0.0.1:8732"]],
  );
});

for (const { name, changes } of [
  { name: "without a reboot", changes: {} },
  { name: "with a reboot", changes: { bootId: "boot-2", monotonicMs: 9000 } },
  { name: "as a container that was restarted", changes: { bootId: "boot-2" } },
]) {
  test(`A Pi that moves is followed at once, and nothing is refused: ${name}`, async () => {
    const parts = new FleetUnderTest();
    parts.beat("10.0.0.15");
    await parts.clock.advance(15_000);
    assert.equal(refusalOf(parts.beat("10.0.0.18", changes)), "none");
    assert.equal(parts.fleet.supersededBy("10.0.0.15", 8732), "10.0.0.18:8732");
    assert.equal(parts.fleet.supersededBy("10.0.0.18", 8732), undefined);
    const move = { from: "10.0.0.15:8732", to: "10.0.0.18:8732" };
    assert.equal(valueOf(parts.fleet, "pihealth_fleet_moved_info", move), 1);
    assert.deepEqual(parts.fleet.clonedHosts(), []);
  });
}

test("A Pi that sends from two addresses in turn is one Pi, and nothing is refused", async () => {
  const parts = new FleetUnderTest();
  for (let round = 0; round < 10; round++) {
    assert.equal(refusalOf(parts.beat(round % 2 === 0 ? "10.0.0.1" : "10.0.0.2")), "none");
    await parts.clock.advance(15_000);
  }
  assert.ok((parts.metric("pihealth_address_changes_total") ?? 9) <= 2);
  assert.deepEqual(parts.fleet.clonedHosts(), []);
});

test("After a restart, a Pi that has moved is where it was heard last, whatever the order", () => {
  const hosts = [15, 18, 16].map((last) => {
    const parts = new FleetUnderTest();
    parts.clock.stepWall(last * 1000);
    parts.beat(`10.0.0.${last}`);
    return itemAt([...parts.fleet.allHosts()], 0);
  });
  for (const order of [hosts, hosts.toReversed()]) {
    const parts = new FleetUnderTest();
    parts.fleet.restore(order);
    assert.equal(parts.fleet.hostOfNode(NODE)?.address, "10.0.0.18");
    assert.equal(parts.fleet.supersededBy("10.0.0.15", 8732), "10.0.0.18:8732");
    assert.equal(refusalOf(parts.beat("10.0.0.18")), "none");
  }
});

test("A Pi that returns under another address keeps its identity", async () => {
  const parts = new FleetUnderTest();
  parts.beat("10.0.0.1");
  await parts.clock.advance(120_000);
  assert.equal(refusalOf(parts.beat("10.0.0.9", { bootId: "boot-2" })), "none");
  assert.equal(parts.fleet.hostOfNode(NODE)?.address, "10.0.0.9");
  assert.equal(parts.fleet.supersededBy("10.0.0.1", 8732), "10.0.0.9:8732");
  assert.equal(parts.metric("pihealth_address_changes_total"), 1);
});

test("Another Pi at an abandoned address is a separate host", async () => {
  const parts = new FleetUnderTest();
  parts.beat("10.0.0.1");
  await parts.clock.advance(120_000);
  parts.beat("10.0.0.9");
  assert.equal(refusalOf(parts.beat("10.0.0.1", { nodeId: OTHER })), "none");
  assert.equal(parts.fleet.supersededBy("10.0.0.1", 8732), undefined);
});

test("Several exporters at one address are several hosts", () => {
  const parts = new FleetUnderTest();
  assert.equal(refusalOf(parts.beat("10.0.0.1")), "none");
  assert.equal(refusalOf(parts.beat("10.0.0.1", { nodeId: OTHER, port: 8733 })), "none");
  assert.deepEqual(
    parts.fleet.listing().map(({ targets }) => targets[0]),
    ["10.0.0.1:8732", "10.0.0.1:8733"],
  );
});

test("Setting our wall clock back does not turn a Pi that moved into a copy", () => {
  const parts = new FleetUnderTest();
  parts.beat("10.0.0.1");
  parts.clock.stepWall(-3_600_000);
  assert.equal(refusalOf(parts.beat("10.0.0.2")), "none");
});

test("A full fleet refuses new hosts and keeps the known ones", () => {
  const parts = new FleetUnderTest();
  for (let index = 0; index < MAX_KNOWN_HOSTS; index++) {
    parts.fleet.noteSeen(
      `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`,
      8732,
      parts.clock.wallMs(),
    );
  }
  assert.equal(refusalOf(parts.beat("10.99.0.1")), "fleet_full");
  assert.equal(refusalOf(parts.beat("10.0.0.1")), "none");
  assert.equal(parts.metric("pihealth_known_hosts"), MAX_KNOWN_HOSTS);
});

test("Hosts restored from an earlier run do not replace newer heartbeats", () => {
  const parts = new FleetUnderTest();
  parts.beat("10.0.0.1");
  const stale = { address: "10.0.0.1", port: 8732, firstSeenMs: 1, lastSeenMs: 2, node: undefined };
  parts.fleet.restore([stale, { ...stale, address: "10.0.0.2" }]);
  assert.equal(parts.fleet.hostAt("10.0.0.1", 8732)?.node?.nodeId, NODE);
  assert.equal(parts.fleet.hostAt("10.0.0.2", 8732)?.firstSeenMs, 1);
});

test("Known hosts are listed in the format of http_sd_configs", () => {
  const parts = new FleetUnderTest();
  parts.beat("10.0.0.1");
  assert.deepEqual(parts.fleet.listing(), [
    {
      targets: ["10.0.0.1:8732"],
      labels: { __meta_pihealth_hostname: "pi1", __meta_pihealth_node_id: NODE },
    },
  ]);
});
