import assert from "node:assert/strict";
import { test } from "node:test";
import {
  readFleetToken,
  tokenHeader,
  tokenMatches,
} from "../../../../exporter/shared/codec/fleet-token.js";
import { MemoryFiles } from "../../../support/memory-files.js";

const TOKEN = "0123456789abcdef0123456789abcdef";

for (const { name, header, matches } of [
  { name: "the header of the token", header: tokenHeader(TOKEN), matches: true },
  { name: "the scheme in lower case", header: `bearer ${TOKEN}`, matches: true },
  { name: "no header", header: undefined, matches: false },
  { name: "an empty header", header: "", matches: false },
  { name: "the scheme alone", header: "Bearer ", matches: false },
  { name: "another scheme", header: `Basic ${TOKEN}`, matches: false },
  { name: "a token that is longer", header: `Bearer ${TOKEN}0`, matches: false },
  { name: "a token that is shorter", header: `Bearer ${TOKEN.slice(1)}`, matches: false },
  { name: "the token in other letters", header: `Bearer ${TOKEN.toUpperCase()}`, matches: false },
  { name: "two tokens", header: `Bearer ${TOKEN} ${TOKEN}`, matches: false },
]) {
  test(`A request with ${name} is ${matches ? "accepted" : "refused"}`, () => {
    assert.equal(tokenMatches(header, TOKEN), matches);
  });
}

test("A token file is read without the white space around the token", async () => {
  const files = new MemoryFiles();
  files.put("/etc/token", `${TOKEN}\n`);
  assert.equal(await readFleetToken("/etc/token", files), TOKEN);
});

for (const { name, content, message } of [
  {
    name: "no file",
    content: undefined,
    message: /Cannot read fleet token "\/etc\/token": ENOENT/,
  },
  {
    name: "an empty file",
    content: "\n",
    message: /it must be one line of 16 to 4096 visible ASCII characters/,
  },
  { name: "a short token", content: "secret", message: /it must be one line of 16/ },
  { name: "two lines", content: `${TOKEN}\n${TOKEN}\n`, message: /it must be one line of 16/ },
  { name: "control characters", content: `${TOKEN}\u0000`, message: /it must be one line of 16/ },
]) {
  test(`A token file is refused without showing the token: ${name}`, async () => {
    const files = new MemoryFiles();
    if (content !== undefined) files.put("/etc/token", content);
    await assert.rejects(readFleetToken("/etc/token", files), (error: Error) => {
      assert.match(error.message, message);
      assert.ok(!error.message.includes(TOKEN));
      return true;
    });
  });
}
