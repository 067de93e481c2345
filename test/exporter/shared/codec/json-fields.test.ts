import assert from "node:assert/strict";
import { test } from "node:test";
import { BadJsonError, JsonFields } from "../../../../exporter/shared/codec/json-fields.js";
import { BadInputError } from "../../../../exporter/shared/model/errors.js";

const parse = (text: string): JsonFields => JsonFields.parse(text, "heartbeat");

function errorOf(read: () => unknown): BadJsonError {
  try {
    read();
  } catch (error) {
    assert.ok(error instanceof BadJsonError, String(error));
    assert.ok(error instanceof BadInputError);
    return error;
  }
  return assert.fail("nothing was thrown");
}

const DOCUMENT = `{
  "text": "abc", "number": -1.5, "integer": 7, "flag": false, "nothing": null, "time": 1768230028000,
  "iso": "2026-01-12T15:00:28.5+01:00", "labels": { "job": "pi", "empty": "" }, "texts": ["a", "b"],
  "object": { "inner": 1 }, "objects": [{ "n": 1 }, { "n": 2 }], "pairs": [[1, "a"], [2, "b"]]
}`;

for (const { name, read, expected } of [
  { name: "text", read: (f: JsonFields) => f.text("text"), expected: "abc" },
  {
    name: "text of a pattern",
    read: (f: JsonFields) => f.text("text", { pattern: /^[abc]+$/ }),
    expected: "abc",
  },
  { name: "number", read: (f: JsonFields) => f.number("number"), expected: -1.5 },
  {
    name: "integer",
    read: (f: JsonFields) => f.integer("integer", { min: 7, max: 7 }),
    expected: 7,
  },
  { name: "boolean", read: (f: JsonFields) => f.boolean("flag"), expected: false },
  { name: "choice", read: (f: JsonFields) => f.oneOf("text", ["xyz", "abc"]), expected: "abc" },
  {
    name: "time in milliseconds",
    read: (f: JsonFields) => f.timeMs("time"),
    expected: 1768230028000,
  },
  {
    name: "RFC 3339 time",
    read: (f: JsonFields) => f.isoTimeMs("iso"),
    expected: Date.UTC(2026, 0, 12, 14, 0, 28, 500),
  },
  {
    name: "map of texts",
    read: (f: JsonFields) => f.textMap("labels"),
    expected: { job: "pi", empty: "" },
  },
  {
    name: "labels",
    read: (f: JsonFields) => f.labels("labels").toObject(),
    expected: { job: "pi" },
  },
  { name: "list of texts", read: (f: JsonFields) => f.texts("texts"), expected: ["a", "b"] },
  { name: "object", read: (f: JsonFields) => f.object("object").number("inner"), expected: 1 },
  {
    name: "list of objects",
    read: (f: JsonFields) => f.objects("objects").map((o) => o.number("n")),
    expected: [1, 2],
  },
  {
    name: "list of pairs",
    read: (f: JsonFields) => f.lists("pairs", { itemLength: 2 }).map((p) => p.text(1)),
    expected: ["a", "b"],
  },
  {
    name: "optional field that is there",
    read: (f: JsonFields) => f.optional("integer", (key) => f.integer(key)),
    expected: 7,
  },
  {
    name: "optional field that is null",
    read: (f: JsonFields) => f.optional("nothing", (key) => f.integer(key)),
    expected: undefined,
  },
  {
    name: "optional field that is missing",
    read: (f: JsonFields) => f.optional("other", (key) => f.integer(key)),
    expected: undefined,
  },
  {
    name: "nullable field that is null",
    read: (f: JsonFields) => f.nullable("nothing", (key) => f.integer(key)),
    expected: undefined,
  },
  {
    name: "types",
    read: (f: JsonFields) =>
      ["text", "integer", "flag", "nothing", "other", "texts", "object"].map((key) =>
        f.typeOf(key),
      ),
    expected: ["text", "number", "boolean", "null", "missing", "list", "object"],
  },
  {
    name: "names of an object",
    read: (f: JsonFields) => f.object("labels").keys,
    expected: ["job", "empty"],
  },
  { name: "indexes of a list", read: (f: JsonFields) => f.list("texts").keys, expected: [0, 1] },
]) {
  test(`A reader of JSON gives the checked value: ${name}`, () => {
    assert.deepEqual(read(parse(DOCUMENT)), expected);
  });
}

const TIME = "a time such as 2026-01-12T15:00:28Z";
for (const { name, text, read, message, path = ["a"], problem = "wrong" } of [
  {
    name: "number for a text",
    text: '{"a":5}',
    read: (f: JsonFields) => f.text("a"),
    message: "a is 5, it must be a text",
  },
  {
    name: "missing text",
    text: "{}",
    read: (f: JsonFields) => f.text("a"),
    message: "a is missing, it must be a text",
    problem: "missing",
  },
  {
    name: "null for a text",
    text: '{"a":null}',
    read: (f: JsonFields) => f.text("a"),
    message: "a is null, it must be a text",
    problem: "missing",
  },
  {
    name: "text that does not match",
    text: '{"a":"x y"}',
    read: (f: JsonFields) => f.text("a", { pattern: /^\w+$/, expected: "a host name" }),
    message: 'a is "x y", it must be a host name',
  },
  {
    name: "long text is shortened",
    text: `{"a":"${"x".repeat(1e6)}"}`,
    read: (f: JsonFields) => f.number("a"),
    message: `a is "${"x".repeat(56)}..., it must be a number`,
  },
  {
    name: "line feed in a text is escaped",
    text: '{"a":"x\\ny"}',
    read: (f: JsonFields) => f.number("a"),
    message: 'a is "x\\ny", it must be a number',
  },
  {
    name: "text for a number",
    text: '{"a":"5"}',
    read: (f: JsonFields) => f.number("a"),
    message: 'a is "5", it must be a number',
  },
  {
    name: "number beyond a double",
    text: '{"a":1e999}',
    read: (f: JsonFields) => f.number("a"),
    message: "a is Infinity, it must be a number",
  },
  {
    name: "integer beyond a double's precision",
    text: '{"a":9007199254740993}',
    read: (f: JsonFields) => f.integer("a"),
    message: "a is 9007199254740992, it must be a whole number below 2^53",
  },
  {
    name: "fraction for an integer",
    text: '{"a":1.5}',
    read: (f: JsonFields) => f.integer("a", { min: 0, max: 4 }),
    message: "a is 1.5, it must be a whole number from 0 to 4",
  },
  {
    name: "integer out of range",
    text: '{"a":5}',
    read: (f: JsonFields) => f.integer("a", { min: 0, max: 4 }),
    message: "a is 5, it must be a whole number from 0 to 4",
  },
  {
    name: "list for an integer",
    text: '{"a":[5]}',
    read: (f: JsonFields) => f.integer("a", { min: 0, max: 4 }),
    message: "a is a list of length 1, it must be a whole number from 0 to 4",
  },
  {
    name: "time that no Date holds",
    text: '{"a":8640000000000001}',
    read: (f: JsonFields) => f.timeMs("a"),
    message: "a is 8640000000000001, it must be a whole number from 0 to 8640000000000000",
  },
  {
    name: "date without a zone",
    text: '{"a":"2026-01-12T15:00:28"}',
    read: (f: JsonFields) => f.isoTimeMs("a"),
    message: `a is "2026-01-12T15:00:28", it must be ${TIME}`,
  },
  {
    name: "date that does not exist",
    text: '{"a":"2026-13-12T15:00:28Z"}',
    read: (f: JsonFields) => f.isoTimeMs("a"),
    message: `a is "2026-13-12T15:00:28Z", it must be ${TIME}`,
  },
  {
    name: "text for a boolean",
    text: '{"a":"true"}',
    read: (f: JsonFields) => f.boolean("a"),
    message: 'a is "true", it must be true or false',
  },
  {
    name: "unknown choice",
    text: '{"a":"up"}',
    read: (f: JsonFields) => f.oneOf("a", ["left", "right"]),
    message: 'a is "up", it must be one of left, right',
  },
  {
    name: "list for an object",
    text: '{"a":[]}',
    read: (f: JsonFields) => f.object("a"),
    message: "a is a list of length 0, it must be an object",
  },
  {
    name: "object for a list",
    text: '{"a":{}}',
    read: (f: JsonFields) => f.list("a"),
    message: "a is an object, it must be a list",
  },
  {
    name: "list that is too long",
    text: '{"a":[1,2,3]}',
    read: (f: JsonFields) => f.list("a", { maxLength: 2 }),
    message: "a is a list of length 3, it must be a list of at most 2 items",
  },
  {
    name: "pair of three",
    text: '{"a":[[1,2],[1,2,3]]}',
    read: (f: JsonFields) => f.lists("a", { itemLength: 2 }),
    message: "a[1] is a list of length 3, it must be a list of length 2",
    path: ["a", 1],
  },
  {
    name: "number in a list of texts",
    text: '{"a":["x",5]}',
    read: (f: JsonFields) => f.texts("a"),
    message: "a[1] is 5, it must be a text",
    path: ["a", 1],
  },
  {
    name: "number in a map of texts",
    text: '{"a":{"b":5}}',
    read: (f: JsonFields) => f.textMap("a"),
    message: "a.b is 5, it must be a text",
    path: ["a", "b"],
  },
  {
    name: "field of an object in a list",
    text: '{"a":[{"b":1},{"b":"x"}]}',
    read: (f: JsonFields) => f.objects("a").map((o) => o.number("b")),
    message: 'a[1].b is "x", it must be a number',
    path: ["a", 1, "b"],
  },
  {
    name: "name that is no word is quoted",
    text: '{"a":{"x\\ny":5}}',
    read: (f: JsonFields) => f.textMap("a"),
    message: 'a["x\\ny"] is 5, it must be a text',
    path: ["a", "x\ny"],
  },
  {
    name: "unknown key",
    text: '{"a":1,"b":2}',
    read: (f: JsonFields) => f.rejectOtherKeys(["b", "c"]),
    message: "a is not a known key, the keys here are b, c",
  },
  {
    name: "nullable field that is missing",
    text: "{}",
    read: (f: JsonFields) => f.nullable("a", (key) => f.integer(key, { min: 0, max: 4 })),
    message: "a is missing, it must be a whole number from 0 to 4",
    problem: "missing",
  },
  {
    name: "inherited property is no field",
    text: "{}",
    read: (f: JsonFields) => f.object("constructor"),
    message: "constructor is missing, it must be an object",
    path: ["constructor"],
    problem: "missing",
  },
  {
    name: "__proto__ gives no fields to the object around it",
    text: '{"__proto__":{"a":"x"}}',
    read: (f: JsonFields) => f.text("a"),
    message: "a is missing, it must be a text",
    problem: "missing",
  },
  {
    name: "deep nesting",
    text: `{"a":${"[".repeat(100_000)}${"]".repeat(100_000)}}`,
    read: (f: JsonFields) => f.text("a"),
    message: "a is a list of length 1, it must be a text",
  },
]) {
  test(`A reader of JSON refuses with place, value and expectation: ${name}`, () => {
    const error = errorOf(() => read(parse(text)));
    assert.equal(error.message, `Cannot read heartbeat: ${message}`);
    assert.deepEqual(error.path, path);
    assert.equal(error.problem, problem);
  });
}

for (const { name, text, message, problem } of [
  { name: "no JSON", text: "{", message: "it is not JSON", problem: "syntax" },
  { name: "empty text", text: "", message: "it is not JSON", problem: "syntax" },
  { name: "NaN", text: '{"a":NaN}', message: "it is not JSON", problem: "syntax" },
  {
    name: "list",
    text: "[]",
    message: "it is a list of length 0, it must be an object",
    problem: "wrong",
  },
  { name: "text", text: '"x"', message: "it is a text, it must be an object", problem: "wrong" },
  { name: "null", text: "null", message: "it is null, it must be an object", problem: "missing" },
]) {
  test(`A document that is not an object is refused: ${name}`, () => {
    const error = errorOf(() => parse(text));
    assert.equal(error.message, `Cannot read heartbeat: ${message}`);
    assert.deepEqual(error.path, []);
    assert.equal(error.problem, problem);
  });
}

for (const text of [
  "hunter2",
  '"hunter2"',
  '["hunter2"]',
  '{"password":"hunter2"}',
  '{"pasword":["hunter2"]}',
  '{"auth":{"token":"hunter2"}}',
  '{"api_key":"hunter2"',
]) {
  test(`An error shows no secret of ${text}`, () => {
    const readAny = (fields: JsonFields): void => {
      for (const key of fields.keys) {
        const isObject = fields.typeOf(key) === "object";
        if (isObject) readAny(fields.object(key));
        else fields.number(key);
      }
    };
    const error = errorOf(() =>
      readAny(
        text.startsWith("[")
          ? (JsonFields.parseList(text, "targets")[0] ?? parse("0"))
          : parse(text),
      ),
    );
    assert.doesNotMatch(`${error.stack} ${String(error.cause)}`, /hunter2/);
  });
}

test("A label named __proto__ is an ordinary label", () => {
  const labels = parse('{"labels":{"__proto__":"x"}}').labels("labels");
  assert.deepEqual(labels.pairs, [["__proto__", "x"]]);
});

test("A document that is a list of objects is read item by item, with the index in messages", () => {
  const targets = JsonFields.parseList('[{"n":1},{"n":"x"}]', "targets");
  assert.deepEqual(
    targets.map((target) => target.typeOf("n")),
    ["number", "text"],
  );
  assert.equal(
    errorOf(() => targets.map((target) => target.number("n"))).message,
    'Cannot read targets: [1].n is "x", it must be a number',
  );
  assert.equal(
    errorOf(() => JsonFields.parseList("{}", "targets")).message,
    "Cannot read targets: it is an object, it must be a list",
  );
});
