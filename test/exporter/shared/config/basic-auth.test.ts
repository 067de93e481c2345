import assert from "node:assert/strict";
import { test } from "node:test";
import bcrypt from "bcryptjs";
import { createBasicAuth } from "../../../../exporter/shared/config/basic-auth.js";
import { settle } from "../../../support/fake-clock.js";

const basic = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;

test("With real bcrypt hashes, only the right password passes", async () => {
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

test("Without users every request passes", async () => {
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

test("Credentials are compared once, right or wrong, also for many requests at a time", async () => {
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

test("An unknown user takes a comparison, too", async () => {
  const { auth, compared } = counting(() => true);
  assert.equal(await auth(basic("nobody", "x")), false);
  assert.equal(compared.length, 1);
});

test("User name and password cannot be shifted against each other", async () => {
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

test("At most sixteen wrong passwords wait for a comparison", async () => {
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

test("The number of remembered credentials is bounded", async () => {
  const { auth, compared } = counting(() => false);
  for (let index = 0; index < 300; index++) await auth(basic("prom", `guess ${index}`));
  await auth(basic("prom", "guess 299"));
  assert.equal(compared.length, 300);
  await auth(basic("prom", "guess 0"));
  assert.equal(compared.length, 301);
});
