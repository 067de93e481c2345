import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { readEnvelope } from "../support/api-response.js";
import { waitFor } from "../support/child-program.js";
import { type Dashboard, queryVariables, readDashboards, substitute } from "./dashboard-files.js";
import { PanelSources } from "./panel-sources.js";

/**
 * Every query of every dashboard, against our scraper and against a real Prometheus that scrapes
 * the same exporter. On the recorded Pi 4 each must have data; on the machine that runs the test
 * some may be empty.
 */
const MAY_BE_EMPTY_ON_THIS_MACHINE: Readonly<Record<string, string>> = {
  Throttling: "only the firmware of a Raspberry Pi tells it",
  "Throttled since boot": "only the firmware of a Raspberry Pi tells it",
  Temperature: "a virtual machine has no sensor",
  "Clock synchronised": "known only where systemd-timesyncd runs",
  "Recently active": "nobody may ever have logged in",
  Sessions: "nobody may be logged in",
  "Top processes": "nothing may be busy",
  "Malicious processes": "none should be",
  "Disks used": "a container may see no disk",
  "Disk throughput": "a container may see no disk",
  "Disk operations": "a container may see no disk",
  "Disk busy": "a container may see no disk",
};
/**
 * These series come from a running exporter and its scrapes; the recorded body has only kernel
 * facts.
 */
const MAY_BE_EMPTY_ON_THE_RECORDED_PI: Readonly<Record<string, string>> = {
  Collectors: "the recording is of the kernel, not of an exporter",
  "Age of the last successful run": "the recording is of the kernel, not of an exporter",
  "Exporter's own use": "the recording is of the kernel, not of an exporter",
};

const sources = new PanelSources();
before(() => sources.start());
after(() => sources.stop());

interface Question {
  readonly panel: string;
  readonly path: string;
}

async function ask(url: string): Promise<unknown[]> {
  const response = await fetch(url);
  const envelope = await readEnvelope(response);
  const list =
    envelope.typeOf("data") === "list"
      ? envelope.list("data")
      : envelope.object("data").list("result");
  return list.keys.map((index) => list.value(index));
}

/** Requests that Grafana makes for the panels of a dashboard with these variable values. */
function panelQuestions(
  dashboard: Dashboard,
  values: Readonly<Record<string, readonly string[]>>,
): Question[] {
  const variables = queryVariables(dashboard);
  return dashboard.panels.flatMap(({ title, targets }) =>
    targets.map(({ expr, instant }) => ({
      panel: title,
      path: `${instant ? "query" : "query_range"}?query=${encodeURIComponent(substitute(expr, variables, values))}`,
    })),
  );
}

const withTimes = (path: string): string => {
  const nowSeconds = Math.floor(Date.now() / 1000);
  return path.startsWith("query_range")
    ? `${path}&start=${nowSeconds - 60}&end=${nowSeconds}&step=5`
    : path;
};

/** Repeats queries with empty results, because some series appear only after the second scrape. */
async function assertAllAnswered(
  url: string,
  questions: readonly Question[],
  mayBeEmpty: Readonly<Record<string, string>>,
) {
  let open = [...questions];
  await waitFor(
    "data of every panel",
    async () => {
      const stillOpen: Question[] = [];
      for (const question of open) {
        const result = await ask(`${url}/api/v1/${withTimes(question.path)}`);
        if (result.length === 0 && !(question.panel in mayBeEmpty)) stillOpen.push(question);
      }
      open = stillOpen;
      return open.length === 0 || undefined;
    },
    {
      describe: () =>
        `${open.map(({ panel, path }) => `${panel}: ${decodeURIComponent(path)}`).join("\n")}\n${sources.describe()}`,
    },
  );
}

/**
 * Converts `label_values(selector, label)`, the only form of variable query used, as Grafana does.
 */
function variablePath(query: string): string {
  const [, selector, label] = /^label_values\((.+), (\w+)\)$/.exec(query) ?? [];
  assert.ok(selector !== undefined && label !== undefined, query);
  return `label/${label}/values?match[]=${encodeURIComponent(selector)}`;
}

for (const source of ["scraperUrl", "prometheusUrl"] as const) {
  const name = source === "scraperUrl" ? "the scraper" : "a real Prometheus";

  for (const { file, dashboard } of readDashboards()) {
    test(`${file} with ${name}: every variable has values`, async () => {
      const isScraper = file === "pihealth-scraper.json";
      const expected: Readonly<Record<string, readonly string[]>> = isScraper
        ? { job: ["pihealth"], instance: [sources.scraper] }
        : { job: ["pi"], instance: [sources.machine, sources.pi4] };
      const variables = queryVariables(dashboard);
      assert.ok(variables.length > 0);
      for (const { name: variable, query } of variables) {
        const path = variablePath(substitute(query, variables, expected));
        await waitFor(
          `values of $${variable}`,
          async () => {
            const found = await ask(`${sources[source]}/api/v1/${path}`);
            return (
              expected[variable]?.every((value) => found.includes(value)) === true || undefined
            );
          },
          { describe: () => sources.describe() },
        );
      }
    });

    test(`${file} with ${name}: every panel shows data`, async () => {
      if (file === "pihealth-scraper.json") {
        const questions = panelQuestions(dashboard, {
          job: ["pihealth"],
          instance: [sources.scraper],
        });
        await assertAllAnswered(sources[source], questions, {});
      } else if (file === "pihealth-pi.json") {
        const onMachine = panelQuestions(dashboard, { job: ["pi"], instance: [sources.machine] });
        await assertAllAnswered(sources[source], onMachine, MAY_BE_EMPTY_ON_THIS_MACHINE);
        const onPi = panelQuestions(dashboard, { job: ["pi"], instance: [sources.pi4] });
        await assertAllAnswered(sources[source], onPi, MAY_BE_EMPTY_ON_THE_RECORDED_PI);
      } else {
        const questions = panelQuestions(dashboard, {
          job: ["pi"],
          instance: [sources.machine, sources.pi4],
        });
        await assertAllAnswered(sources[source], questions, {});
      }
    });
  }
}
