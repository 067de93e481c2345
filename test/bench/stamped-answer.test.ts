import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { parseExposition } from "../../exporter/shared/codec/exposition/exposition-parser.js";
import { assertEvery } from "../support/assert-every.js";
import { FIXTURES } from "../support/repository.js";
import { loadBodies } from "./fleet-simulator.js";
import { prepareStampedAnswer } from "./stamped-answer.js";

const END_OF_HEAD = "\r\n\r\n";
const bodyOf = (answer: Buffer): Buffer =>
  answer.subarray(answer.indexOf(END_OF_HEAD) + END_OF_HEAD.length);
const isSamplingTime = (name: string): boolean =>
  name === "pihealth_collector_last_success_timestamp_seconds";

test("A stamped response contains the recorded series, sampled now, complete in either encoding", () => {
  const [recorded = ""] = loadBodies(path.join(FIXTURES, "pihealth-recording.gz"));
  const answer = prepareStampedAnswer(recorded);
  const beforeSeconds = Math.floor(Date.now() / 1000);
  for (const body of [bodyOf(answer.of(false)), gunzipSync(bodyOf(answer.of(true)))]) {
    const { samples } = parseExposition(body);
    const keys = (text: Buffer | string): string[] =>
      parseExposition(text)
        .samples.map(({ labels }) => labels.key)
        .sort();
    assert.deepEqual(keys(body), keys(recorded));
    const times = samples
      .filter(({ labels }) => isSamplingTime(labels.name))
      .map(({ value }) => value);
    assert.ok(times.length > 5, times.join());
    assertEvery(times, (time) => time >= beforeSeconds, times.join());
  }
});
