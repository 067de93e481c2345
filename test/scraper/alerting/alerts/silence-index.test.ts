import assert from "node:assert/strict";
import { test } from "node:test";
import { Labels } from "../../../../exporter/shared/model/labels.js";
import { SilenceIndex } from "../../../../scraper/alerting/alerts/silence-index.js";
import {
  matchesAll,
  parseMatchers,
  type Matcher,
} from "../../../../scraper/alerting/config/matchers.js";

/** Counts the comparisons of matchers with values. */
function counted(matchers: readonly Matcher[], count: () => void): Matcher[] {
  return matchers.map((matcher) => ({
    ...matcher,
    matches: (value) => {
      count();
      return matcher.matches(value);
    },
  }));
}

const alertOf = (index: number): Labels =>
  Labels.of({ alertname: `Alert${index % 7}`, instance: `pi-${index}`, job: "pi" });

test("1,000 silences of single hosts cost an alert the comparisons with its own", () => {
  let comparisons = 0;
  const silences = Array.from({ length: 1000 }, (_, index) => ({
    id: String(index),
    matchers: counted(parseMatchers(`job="pi",instance="pi-${index}"`), () => comparisons++),
  }));
  const index = new SilenceIndex(silences);
  let silenced = 0;
  for (let alert = 0; alert < 20_000; alert++) silenced += index.silencing(alertOf(alert)).length;
  assert.equal(silenced, 1000);
  assert.ok(comparisons <= 2000, `${comparisons} comparisons`);
});

test("silences with regular expressions are compared once with each alert, however often it is asked", () => {
  let comparisons = 0;
  const silences = Array.from({ length: 50 }, (_, index) => ({
    id: String(index),
    matchers: counted(parseMatchers(`instance=~"pi-${index}."`), () => comparisons++),
  }));
  const index = new SilenceIndex(silences);
  for (let round = 0; round < 10; round++)
    for (let alert = 0; alert < 200; alert++) index.silencing(alertOf(alert));
  assert.equal(comparisons, 50 * 200);
});

test("the index finds the silences that a comparison with all of them finds", () => {
  const texts = [
    'instance="pi-3"',
    'instance="pi-3",alertname="Alert3"',
    'instance!="pi-3"',
    'instance=~"pi-1.*",job="pi"',
    'missing=""',
    'missing!=""',
    'alertname="Alert1",missing=""',
    'alertname=~"Alert[12]"',
    'alertname!~"Alert[12]",job="pi"',
    'job="other"',
  ];
  const silences = texts.map((text) => ({ id: text, matchers: parseMatchers(text) }));
  const index = new SilenceIndex(silences);
  for (let alert = 0; alert < 100; alert++) {
    const labels = alertOf(alert);
    const expected = silences.filter(({ matchers }) => matchesAll(matchers, labels));
    assert.deepEqual(index.silencing(labels), expected.map(({ id }) => id).sort());
  }
});
