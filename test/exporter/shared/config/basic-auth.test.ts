import assert from "node:assert/strict";
import { test } from "node:test";
import bcrypt from "bcryptjs";
import { createBasicAuth } from "../../../../exporter/shared/config/basic-auth.js";
import { settle } from "../../../support/fake-clock.js";

const basic = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;

test("real bcrypt hashes: only the right password passes", async () => {
  const auth = createBasicAuth(new Map([["prom", bcrypt.hashSync("pass:wörd", 4)]]));
  assert.equal(await auth(basic("prom", "pass:wörd")), true);
  for (const wrong of [
    undefined,
    "",
    "Basic",
    "Basic !!!",
    "Bearer x",
    basic("prom", "password"),
    basic("prom", ""),
    basic("", ""),
    basic("nobody", "pass:wörd"),
    `Basic ${Buffer.from("prom").toString("base64")}`,
  ]) {
    assert.equal(await auth(wrong), false, String(wrong));
  }
});

test("without users everybody passes", async () => {
  assert.equal(await createBasicAuth(new Map())(undefined), true);
});

function counting(accept: (password: string) => boolean) {
  const compared: string[] = [];
  const auth = createBasicAuth(new Map([["prom", "hash"]]), async (password, hash) => {
    compared.push(password);
    return accept(password) && hash === "hash";
  });
  return { auth, compared };
}

test("credentials are compared once, right or wrong, and once for concurrent requests", async () => {
  const { auth, compared } = counting((password) => password === "right");
  await Promise.all([
    auth(basic("prom", "right")),
    auth(basic("prom", "right")),
    auth(basic("prom", "right")),
  ]);
  for (let round = 0; round < 5; round++) {
    assert.equal(await auth(basic("prom", "right")), true);
    assert.equal(await auth(basic("prom", "wrong")), false);
  }
  assert.deepEqual(compared, ["right", "wrong"]);
});

test("an unknown user takes a comparison, too", async () => {
  const { auth, compared } = counting(() => true);
  assert.equal(await auth(basic("nobody", "x")), false);
  assert.equal(compared.length, 1);
});

test("a user name cannot be extended into the password", async () => {
  const auth = createBasicAuth(
    new Map([
      ["a", "hash"],
      ["a:b", "hash"],
    ]),
    async (password) => password === "b:c",
  );
  assert.equal(await auth(basic("a", "b:c")), true);
  assert.equal(await auth(basic("a", "b")), false);
});

test("at most sixteen comparisons run during a flood of wrong passwords", async () => {
  const release: (() => void)[] = [];
  const auth = createBasicAuth(
    new Map([["prom", "hash"]]),
    () => new Promise((resolve) => release.push(() => resolve(false))),
  );
  let refused = 0;
  const attempts = Array.from({ length: 1000 }, (_, index) =>
    auth(basic("prom", `guess ${index}`)).then(() => refused++),
  );
  await settle();
  assert.equal(refused, 984);
  for (let index = 0; index < 16; index++) {
    release[index]?.();
    await settle();
  }
  await Promise.all(attempts);
  assert.equal(release.length, 16);
});

test("the cache of verified credentials is bounded", async () => {
  const { auth, compared } = counting(() => false);
  for (let index = 0; index < 300; index++) await auth(basic("prom", `guess ${index}`));
  await auth(basic("prom", "guess 299"));
  assert.equal(compared.length, 300);
  await auth(basic("prom", "guess 0"));
  assert.equal(compared.length, 301);
});
