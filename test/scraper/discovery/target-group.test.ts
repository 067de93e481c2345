import assert from "node:assert/strict";
import { test } from "node:test";
import { parseTargetGroupsJson } from "../../../scraper/discovery/target-group.js";

for (const { name, text, labels } of [
  {
    name: "labels",
    text: '[{"targets":["a:1","b"],"labels":{"site":"x"}}]',
    labels: { site: "x" },
  },
  { name: "no labels", text: '[{"targets":["a:1","b"]}]', labels: {} },
  { name: "null as labels", text: '[{"targets":["a:1","b"],"labels":null}]', labels: {} },
]) {
  test(`A list of target groups in JSON is parsed: ${name}`, () => {
    const groups = parseTargetGroupsJson(text, "a.json");
    assert.deepEqual(groups, [{ targets: ["a:1", "b"], labels, isFromRange: false }]);
  });
}

for (const { name, text, message } of [
  { name: "torn", text: '[{"tar', message: "it is not JSON" },
  { name: "object", text: "{}", message: "it is an object, it must be a list" },
  { name: "number in the list", text: "[5]", message: "[0] is a number, it must be an object" },
  {
    name: "no targets",
    text: '[{"labels":{}}]',
    message: "[0].targets is missing, it must be a list",
  },
  {
    name: "target with a space",
    text: '[{"targets":["a","b c"]}]',
    message: '[0].targets[1] is "b c", it must be host or host:port',
  },
  {
    name: "label name that is empty",
    text: '[{"targets":[],"labels":{"":"c"}}]',
    message: '[0].labels[""] is not a label name',
  },
  {
    name: "label that is a list",
    text: '[{"targets":[],"labels":{"a":[]}}]',
    message: "[0].labels.a is a list of length 0, it must be a text",
  },
  {
    name: "unknown key",
    text: '[{"targets":[],"label":{}}]',
    message: "[0].label is not a known key, the keys here are labels, targets",
  },
]) {
  test(`A list of target groups in JSON is refused with file, place and value: ${name}`, () => {
    assert.throws(() => parseTargetGroupsJson(text, "a.json"), {
      code: "bad_input",
      message: `Cannot read targets of "a.json": ${message}`,
    });
  });
}
