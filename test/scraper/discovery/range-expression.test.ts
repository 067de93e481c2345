import assert from "node:assert/strict";
import { test } from "node:test";
import { parseRangeExpression } from "../../../scraper/discovery/range-expression.js";

for (const { text, hosts } of [
  { text: "192.168.1.10", hosts: ["192.168.1.10"] },
  { text: " 192.168.1.10 ", hosts: ["192.168.1.10"] },
  {
    text: "192.168.1.254-192.168.2.1",
    hosts: ["192.168.1.254", "192.168.1.255", "192.168.2.0", "192.168.2.1"],
  },
  { text: "192.168.1.10 - 192.168.1.11", hosts: ["192.168.1.10", "192.168.1.11"] },
  { text: "192.168.1.9-11", hosts: ["192.168.1.9", "192.168.1.10", "192.168.1.11"] },
  { text: "10.0.7.0/30", hosts: ["10.0.7.1", "10.0.7.2"] },
  { text: "10.0.7.6/30", hosts: ["10.0.7.5", "10.0.7.6"] },
  { text: "10.0.7.0/31", hosts: ["10.0.7.0", "10.0.7.1"] },
  { text: "10.0.7.9/32", hosts: ["10.0.7.9"] },
  { text: "fd00:0:0::10", hosts: ["fd00::10"] },
  { text: "::ffff:10.0.0.1", hosts: ["10.0.0.1"] },
  { text: "fd00::fe/127", hosts: ["fd00::fe", "fd00::ff"] },
  { text: "fd00::ffff-fd00::1:0", hosts: ["fd00::ffff", "fd00::1:0"] },
  { text: "raspberrypi.local", hosts: ["raspberrypi.local"] },
  { text: "pi9..pi11.lan", hosts: ["pi9.lan", "pi10.lan", "pi11.lan"] },
  { text: "pi1.lan..pi2.lan", hosts: ["pi1.lan", "pi2.lan"] },
  { text: "pi08..pi10", hosts: ["pi08", "pi09", "pi10"] },
  { text: "rpi4-1..rpi4-2.site2.lan", hosts: ["rpi4-1.site2.lan", "rpi4-2.site2.lan"] },
  { text: "pi1.site2.lan..pi2.site2.lan", hosts: ["pi1.site2.lan", "pi2.site2.lan"] },
  { text: "my-pi", hosts: ["my-pi"] },
]) {
  test(`The range ${text} is ${hosts.join(", ")}`, () => {
    const range = parseRangeExpression(text);
    assert.deepEqual([...range.hosts()], hosts);
    assert.equal(range.size, hosts.length);
  });
}

for (const { text, message } of [
  { text: "", message: /Cannot read range "": it must be like 192\.168\.1\.10/ },
  { text: "10.0.0.0/33", message: /the prefix must be at most \/32/ },
  { text: "fd00::/129", message: /the prefix must be at most \/128/ },
  { text: "10.0.0.0/", message: /it must be like/ },
  { text: "10.0.0.300", message: /it must be like/ },
  { text: "10.0.0", message: /it must be like/ },
  { text: "192.168.1.60-192.168.1.10", message: /the last address must not be before the first/ },
  { text: "192.168.1.60-fd00::1", message: /it must be like/ },
  { text: "192.168.1.60-999", message: /it must be like/ },
  { text: "pi12..pi1.lan", message: /the last number must not be below the first/ },
  { text: "pi1..qi2", message: /it must be like/ },
  { text: "pi1.lan..pi2.local", message: /it must be like/ },
  { text: "pi1..pi2..pi3", message: /it must be like/ },
  { text: "pi1..", message: /it must be like/ },
  { text: "../../etc/passwd", message: /it must be like/ },
  { text: "pi 1", message: /it must be like/ },
  { text: "pi1:8732", message: /it must be like/ },
  { text: "http://pi1/", message: /it must be like/ },
  { text: "fe80::1%eth0", message: /it must be like/ },
  { text: "a".repeat(300), message: /it must be like/ },
]) {
  test(`The range "${text.slice(0, 40)}" is refused`, () => {
    assert.throws(() => parseRangeExpression(text), message);
  });
}

test("A huge range is parsed without enumerating it", () => {
  assert.equal(parseRangeExpression("10.0.0.0/8").size, 2 ** 24 - 2);
  assert.ok(parseRangeExpression("fd00::/8").size > 1e30);
});

for (const { text, address, contains } of [
  { text: "192.168.1.10-192.168.1.60", address: "192.168.1.60", contains: true },
  { text: "192.168.1.10-192.168.1.60", address: "192.168.1.61", contains: false },
  { text: "192.168.1.10-192.168.1.60", address: "::ffff:192.168.1.11", contains: true },
  { text: "10.0.0.0/8", address: "10.200.3.4", contains: true },
  { text: "10.0.0.0/8", address: "fd00::1", contains: false },
  { text: "fd00::/64", address: "fd00::1234", contains: true },
  { text: "pi1..pi9", address: "10.0.0.1", contains: false },
  { text: "10.0.0.0/8", address: "pi1", contains: false },
]) {
  test(`${address} is ${contains ? "" : "not "}in ${text}`, () => {
    assert.equal(parseRangeExpression(text).contains(address), contains);
  });
}
