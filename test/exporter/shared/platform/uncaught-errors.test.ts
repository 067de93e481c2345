import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";

const SHARED = new URL("../../../../exporter/shared/", import.meta.url);
const START = `
import { endAtUncaughtErrors } from "${new URL("platform/process.js", SHARED).href}";
import { writeErrorText } from "${new URL("platform/terminal.js", SHARED).href}";
import { parseJson } from "${new URL("codec/json-fields.js", SHARED).href}";
endAtUncaughtErrors(writeErrorText);
const bodyOf = () => "s3cret of a body";
const url = "http://anna:" + "s3cret" + "@127.0.0.1/hook?key=" + "s3cret";
`;

const ENDS = [
  ["an exception", "setTimeout(() => { throw new Error('at ' + url); });"],
  ["a rejection", "void Promise.reject(new Error('at ' + url));"],
  ["a cause", "void Promise.reject(new Error('x', { cause: new Error(bodyOf()) }));"],
  ["a property", "throw Object.assign(new Error('x'), { response: bodyOf() });"],
  ["bad JSON", "parseJson(bodyOf(), 'document');"],
  ["a terminal escape", "throw new Error('x\\u001b[2J\\u202ey\\u0007');"],
  ["a thrown text", "throw 'at ' + url;"],
] as const;

for (const [name, ending] of ENDS) {
  test(`a process that ends by ${name} prints no secret and no control character`, () => {
    const program = ["--input-type=module", "-e", START + ending];
    const { status, stderr } = spawnSync(process.execPath, program, { encoding: "utf8" });
    assert.equal(status, 1);
    assert.notEqual(stderr, "");
    assert.doesNotMatch(stderr, /s3cret/);
    assert.doesNotMatch(stderr, /(?!\n)[\p{Cc}\p{Cf}]/u);
  });
}
