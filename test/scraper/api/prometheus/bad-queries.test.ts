import { after, before, test } from "node:test";
import { Labels } from "../../../../exporter/shared/model/labels.js";
import { askBadQuestion, BAD_QUESTIONS } from "../../../support/bad-questions.js";
import { MemoryQuerier } from "../../../support/memory-querier.js";
import { serveApi } from "../../../support/served-api.js";

let api: Awaited<ReturnType<typeof serveApi>>;
before(async () => {
  const querier = new MemoryQuerier();
  for (let index = 0; index < 200; index++) {
    querier.add(Labels.of({ __name__: "up", text: `${"a".repeat(2000)}${index}` }), [1, 1, 1, 1], {
      stepMs: 15_000,
    });
  }
  api = await serveApi({ querier });
});
after(() => api.stop(0));

/** On an idle machine each takes a few milliseconds; a question that is not refused takes hours. */
const WITHIN_MS = 120_000;

for (const question of BAD_QUESTIONS) {
  test(`${question.name}: answered with ${question.status}, and soon`, () =>
    askBadQuestion(api.url, { ...question, form: { time: "30", ...question.form } }, WITHIN_MS));
}
