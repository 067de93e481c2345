/** A2: each metric on its own, with path, file name and interval from the configuration. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { ChildProgram, waitFor } from "../support/child-program.js";
import { promtoolCheckMetrics } from "../support/promtool.js";

const folder = mkdtempSync(path.join(tmpdir(), "pihealth-a2-"));
after(() => rmSync(folder, { recursive: true, force: true }));

test("A metric of one's own: a script on its own interval is on /metrics and in the history", async () => {
  const script = path.join(folder, "ups.sh");
  writeFileSync(script, '#!/bin/sh\necho "ups_charge_ratio 0.93"\n', { mode: 0o755 });
  const config = path.join(folder, "exporter.yml");
  writeFileSync(
    config,
    `listen: { address: 127.0.0.1, port: 0 }
state: state
collectors:
  custom:
    - { name: ups, command: [${script}], interval: 1s }
    - { name: door, command: "echo '# TYPE door_openings_total counter'; echo 'door_openings_total{door=\\"front\\"} 7'" }
    - { name: broken, command: "exit 4" }
`,
  );
  const exporter = ChildProgram.ofOurs("exporter/program/main.js", ["--config", config]);
  after(() => exporter.stop("SIGKILL"));
  const describe = (): string => exporter.text;
  const port = await waitFor("the port", () => /port=(\d+)/.exec(exporter.text)?.[1], { describe });
  const read = async (accept: string): Promise<string> => {
    const response = await fetch(`http://127.0.0.1:${port}/metrics`, { headers: { accept } });
    assert.equal(response.status, 200);
    return response.text();
  };
  const text = await waitFor(
    "the samples",
    async () => {
      const body = await read("text/plain");
      return /collector="broken"/.test(body) ? body : undefined;
    },
    { describe },
  );
  assert.match(text, /^# TYPE ups_charge_ratio untyped\nups_charge_ratio 0\.93$/m);
  assert.match(
    text,
    /^# TYPE door_openings_total counter\ndoor_openings_total\{door="front"\} 7$/m,
  );
  assert.match(text, /^pihealth_collector_success\{collector="ups"\} 1$/m);
  assert.match(text, /^pihealth_collector_success\{collector="broken"\} 0$/m);
  assert.match(await read("application/openmetrics-text"), /^# TYPE ups_charge_ratio unknown$/m);
  assert.equal(promtoolCheckMetrics(text), "");
  assert.match(exporter.text, /its exit code is 4, it must be 0/);
  assert.equal((await exporter.stop()).code, 0);
  const history = ChildProgram.ofOurs("exporter/program/cli.js", [
    ...["history", "export", "--state", path.join(folder, "state")],
  ]);
  assert.equal((await history.exited).code, 0, history.text);
  assert.match(history.text, /^ups_charge_ratio 0\.93 \d+\.\d+$/m);
});
