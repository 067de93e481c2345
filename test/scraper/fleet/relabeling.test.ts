import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigSection } from "../../../exporter/shared/config/config-section.js";
import { Labels } from "../../../exporter/shared/model/labels.js";
import { parseRelabelConfigs } from "../../../scraper/fleet/relabel-config.js";
import { compileRelabeling } from "../../../scraper/fleet/relabeling.js";

const relabel = (
  yaml: string,
  labels: Record<string, string>,
): Record<string, string> | undefined => {
  const configs = parseRelabelConfigs(
    ConfigSection.parse(`relabel_configs:\n${yaml}`, "test.yml"),
    "relabel_configs",
  );
  return compileRelabeling(configs)(Labels.of(labels))?.toObject();
};

for (const { name, yaml, labels, expected } of [
  {
    name: "replace sets the target from groups of the source",
    yaml: "- {source_labels: [__address__], regex: '([^:]+):(\\d+)', target_label: host, replacement: '${1}_$2'}",
    labels: { __address__: "pi1:8732" },
    expected: { __address__: "pi1:8732", host: "pi1_8732" },
  },
  {
    name: "replace leaves everything as it is when the expression matches a part only",
    yaml: "- {source_labels: [a], regex: oo, target_label: b, replacement: x}",
    labels: { a: "foo" },
    expected: { a: "foo" },
  },
  {
    name: "replace joins sources with the separator",
    yaml: "- {source_labels: [a, b, missing], separator: '-', target_label: c}",
    labels: { a: "1", b: "2" },
    expected: { a: "1", b: "2", c: "1-2-" },
  },
  {
    name: "replace with an empty result removes the target",
    yaml: "- {source_labels: [a], target_label: b, replacement: ''}",
    labels: { a: "1", b: "2" },
    expected: { a: "1" },
  },
  {
    name: "replace takes groups in the name of the target",
    yaml: "- {source_labels: [a], regex: '(\\w+):(\\w+)', target_label: 'x_$1', replacement: '$2'}",
    labels: { a: "room:kitchen" },
    expected: { a: "room:kitchen", x_room: "kitchen" },
  },
  {
    name: "replace takes a name in UTF-8",
    yaml: "- {source_labels: [a], regex: '(.+)', target_label: '${1}', replacement: x}",
    labels: { a: "new name" },
    expected: { a: "new name", "new name": "x" },
  },
  {
    name: "replace does nothing when the name of the target becomes empty",
    yaml: "- {source_labels: [a], regex: '(b?).*', target_label: '${1}', replacement: x}",
    labels: { a: "a" },
    expected: { a: "a" },
  },
  {
    name: "replace takes named groups",
    yaml: "- {source_labels: [a], regex: '(?P<host>.+)\\.lan', target_label: b, replacement: '${host}'}",
    labels: { a: "pi1.lan" },
    expected: { a: "pi1.lan", b: "pi1" },
  },
  {
    name: "a dot matches a line feed",
    yaml: "- {source_labels: [a], regex: 'x.y', target_label: b, replacement: hit}",
    labels: { a: "x\ny" },
    expected: { a: "x\ny", b: "hit" },
  },
  {
    name: "keep lets a match through",
    yaml: "- {source_labels: [a], regex: 'x|y', action: keep}",
    labels: { a: "y" },
    expected: { a: "y" },
  },
  {
    name: "keep drops the rest",
    yaml: "- {source_labels: [a], regex: 'x|y', action: keep}",
    labels: { a: "xy" },
    expected: undefined,
  },
  {
    name: "drop drops a match",
    yaml: "- {source_labels: [a], regex: 'x.*', action: drop}",
    labels: { a: "xy" },
    expected: undefined,
  },
  {
    name: "drop lets the rest through, and the action may be written in capitals",
    yaml: "- {source_labels: [a], regex: 'x', action: Drop}",
    labels: { a: "xy" },
    expected: { a: "xy" },
  },
  {
    name: "keepequal keeps equal values",
    yaml: "- {source_labels: [a], target_label: b, action: keepequal}",
    labels: { a: "1", b: "1" },
    expected: { a: "1", b: "1" },
  },
  {
    name: "keepequal drops different values",
    yaml: "- {source_labels: [a], target_label: b, action: keepequal}",
    labels: { a: "1" },
    expected: undefined,
  },
  {
    name: "dropequal drops equal values",
    yaml: "- {source_labels: [a], target_label: b, action: dropequal}",
    labels: { a: "1", b: "1" },
    expected: undefined,
  },
  {
    name: "dropequal keeps different values",
    yaml: "- {source_labels: [a], target_label: b, action: dropequal}",
    labels: { a: "1", b: "2" },
    expected: { a: "1", b: "2" },
  },
  {
    // printf 'pi1:8732' | md5sum ends in 6496c0d4b22f6b70: that number modulo 1000.
    name: "hashmod takes the last eight bytes of the MD5 sum",
    yaml: "- {source_labels: [a], target_label: shard, modulus: 1000, action: hashmod}",
    labels: { a: "pi1:8732" },
    expected: { a: "pi1:8732", shard: "HASH" },
  },
  {
    name: "labelmap copies labels under other names",
    yaml: "- {regex: '__meta_(.+)', action: labelmap}",
    labels: { __meta_room: "attic", job: "pi" },
    expected: { __meta_room: "attic", room: "attic", job: "pi" },
  },
  {
    name: "labeldrop removes labels by name",
    yaml: "- {regex: 'tmp_.*', action: labeldrop}",
    labels: { tmp_1: "x", a: "y" },
    expected: { a: "y" },
  },
  {
    name: "labelkeep removes all others",
    yaml: "- {regex: 'a|b', action: labelkeep}",
    labels: { a: "1", b: "2", c: "3", ab: "4" },
    expected: { a: "1", b: "2" },
  },
  {
    name: "lowercase",
    yaml: "- {source_labels: [a], target_label: b, action: lowercase}",
    labels: { a: "Kitchen" },
    expected: { a: "Kitchen", b: "kitchen" },
  },
  {
    name: "uppercase",
    yaml: "- {source_labels: [a], target_label: b, action: uppercase}",
    labels: { a: "Kitchen" },
    expected: { a: "Kitchen", b: "KITCHEN" },
  },
  {
    name: "steps see what the steps before them did",
    yaml: "- {source_labels: [a], target_label: b}\n- {source_labels: [b], regex: x, action: drop}",
    labels: { a: "x" },
    expected: undefined,
  },
] as const) {
  test(`Relabelling: ${name}`, () => {
    const hash = String(0x6496c0d4b22f6b70n % 1000n);
    const wanted =
      expected === undefined
        ? undefined
        : (JSON.parse(JSON.stringify(expected).replace("HASH", hash)) as unknown);
    assert.deepEqual(relabel(yaml, labels), wanted);
  });
}

for (const { template, expected } of [
  { template: "$1x", expected: "" },
  { template: "${1}x", expected: "onex" },
  { template: "$$1", expected: "$1" },
  { template: "$9-$none-${none}", expected: "--" },
  { template: "a$", expected: "a$" },
  { template: "${1", expected: "${1" },
  { template: "$0", expected: "one two" },
]) {
  test(`Relabelling expands the replacement ${template} as Go does`, () => {
    const yaml = `- {source_labels: [a], regex: '(\\w+) (\\w+)', target_label: b, replacement: '${template}'}`;
    assert.equal(relabel(yaml, { a: "one two" })?.["b"] ?? "", expected);
  });
}

for (const { name, yaml, message } of [
  {
    name: "an unknown action",
    yaml: "- {action: remove}",
    message: /line 2: key relabel_configs\[0\]\.action is "remove", it must be one of replace/,
  },
  {
    name: "a bad expression",
    yaml: "- {regex: '(', target_label: a}",
    message:
      /key relabel_configs\[0\]\.regex is "\(", it must be a regular expression in RE2 syntax/,
  },
  {
    name: "a look-ahead, which RE2 does not have",
    yaml: "- {regex: '(?=a)', target_label: a}",
    message: /RE2 syntax/,
  },
  {
    name: "no target",
    yaml: "- {source_labels: [a]}",
    message: /target_label is missing, it is required for action replace/,
  },
  {
    name: "a source that is no name",
    yaml: "- {source_labels: [''], target_label: c}",
    message: /source_labels holds ""/,
  },
  {
    name: "a source that is no list",
    yaml: "- {source_labels: a, target_label: c}",
    message: /source_labels is "a", it must be a list/,
  },
  {
    name: "hashmod without modulus",
    yaml: "- {source_labels: [a], target_label: b, action: hashmod}",
    message: /modulus is missing/,
  },
  {
    name: "a negative modulus",
    yaml: "- {target_label: b, action: hashmod, modulus: -1}",
    message: /modulus is -1, it must be a number of at least 0/,
  },
  {
    name: "labeldrop with a source",
    yaml: "- {regex: a, source_labels: [b], action: labeldrop}",
    message: /source_labels is given, it must be left out for action labeldrop/,
  },
  {
    name: "an unknown key",
    yaml: "- {target: b}",
    message: /relabel_configs\[0\]\.target is not a known key/,
  },
  {
    name: "a text instead of a list",
    yaml: "  foo",
    message: /relabel_configs is "foo", it must be a list/,
  },
]) {
  test(`An invalid relabelling is refused by the configuration: ${name}`, () => {
    assert.throws(() => relabel(yaml, {}), message);
  });
}
