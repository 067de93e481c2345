import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLogger } from "../../../../exporter/shared/platform/logger.js";
import {
  decodeHeartbeatReply,
  encodeHeartbeat,
  HEARTBEAT_PATH,
} from "../../../../exporter/shared/protocol/heartbeat.js";
import { fleetRoutes } from "../../../../scraper/api/fleet/fleet-routes.js";
import { Fleet } from "../../../../scraper/fleet/fleet.js";
import { TargetIndex } from "../../../../scraper/app/target-index.js";
import { FakeClock } from "../../../support/fake-clock.js";
import { createRequest } from "../http/api-request.js";
import { createFixture, settings, target } from "../../scrape/scrape-fixture.js";

const ADDRESS = "10.0.0.7";

/** Sends a heartbeat of the exporter at `port` of `ADDRESS` and returns the pool in the reply. */
type Beat = (port: number) => Promise<number | null>;

function createBeat(pools: { poolOf(address: string, port: number): number | "slow" | undefined }) {
  const clock = new FakeClock();
  const fleet = new Fleet({
    clock,
    log: silentLogger,
    isAllowedAddress: () => true,
    onHeartbeat: () => undefined,
  });
  const routes = fleetRoutes({ fleet, clock, poolOf: pools.poolOf, durableUntilMs: () => 0 });
  const route = routes.find(({ path }) => path === HEARTBEAT_PATH);
  assert.ok(route !== undefined);
  const beat: Beat = async (port) => {
    const body = encodeHeartbeat({
      nodeId: String(port).padStart(32, "0"),
      hostname: "pi",
      port,
      bootId: "b",
      wallMs: clock.wallMs(),
      monotonicMs: clock.monotonicMs(),
      history: undefined,
    });
    const answer = await route.handle(createRequest({ body, remoteAddress: ADDRESS }));
    assert.ok(answer.kind === "text" && typeof answer.body === "string");
    return decodeHeartbeatReply(answer.body).pool;
  };
  return beat;
}

test("the reply to a heartbeat names the pool of its sender, also where several exporters share an address", async () => {
  const { manager, clock } = createFixture({ answer: () => "a 1\n" });
  const index = new TargetIndex({ clock, healthOf: () => undefined, namesOf: () => [] });
  const targets = [8732, 8733].map((port) => target(ADDRESS, settings(), port));
  manager.sync(targets);
  index.set(targets);
  const beat = createBeat({
    poolOf: (address, port) => manager.poolOf(index.at(address, port)?.id ?? ""),
  });
  assert.deepEqual([await beat(8732), await beat(8733), await beat(8734)], [0, 1, null]);
  await manager.stop();
});

test("an exporter in the slow lane is in no pool", async () => {
  assert.equal(await createBeat({ poolOf: () => "slow" })(8732), null);
});
