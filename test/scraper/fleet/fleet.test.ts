import assert from "node:assert/strict";
import { test } from "node:test";
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

test("A node id from two addresses at once is a copy, and the second one is refused", async () => {
  const parts = new FleetUnderTest();
  parts.beat("10.0.0.1");
  await parts.clock.advance(30_000);
  const outcome = parts.beat("10.0.0.2", { bootId: "boot-2" });
  assert.ok(!outcome.accepted);
  assert.equal(outcome.refusal, "duplicate_node");
  assert.match(
    outcome.message,
    /10\.0\.0\.2:8732 has the node id of 10\.0\.0\.1:8732: two machines share one node id/,
  );
  assert.equal(parts.fleet.supersededBy("10.0.0.2", 8732), "10.0.0.1:8732");
  assert.equal(parts.fleet.supersededBy("10.0.0.1", 8732), undefined);
});

test("A Pi with two addresses is known by the first one, and the message says so", () => {
  const parts = new FleetUnderTest();
  parts.beat("10.0.0.1");
  const outcome = parts.beat("10.0.0.2");
  assert.ok(!outcome.accepted);
  assert.match(outcome.message, /the same machine has both addresses/);
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
