import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { realFiles } from "../exporter/shared/platform/real-files.js";
import { parseScraperConfig } from "../scraper/config/config.js";
import { REPOSITORY } from "./support/repository.js";

const UNITS = [
  { file: "exporter/systemd/pihealth-exporter.service", instance: "pihealth-exporter.service" },
  {
    file: "exporter/systemd/pihealth-exporter@.service",
    instance: "pihealth-exporter@alice.service",
  },
  { file: "scraper/systemd/pihealthd.service", instance: "pihealthd.service" },
  { file: "scraper/systemd/pihealthd@.service", instance: "pihealthd@alice.service" },
];

for (const { file, instance } of UNITS) {
  test(`${file}: systemd-analyze verify has nothing to say`, () => {
    const folder = mkdtempSync(path.join(tmpdir(), "pihealth-units-"));
    try {
      const copy = path.join(folder, instance);
      cpSync(path.join(REPOSITORY, file), copy);
      const result = spawnSync("systemd-analyze", ["verify", "--man=no", copy], {
        encoding: "utf8",
      });
      assert.equal(result.stdout + result.stderr, "");
      assert.equal(result.status, 0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test(`${file}: runs unprivileged and starts a program of package.json`, () => {
    const unit = readFileSync(path.join(REPOSITORY, file), "utf8");
    assert.match(unit, /^User=(pihealth|%i)$/m);
    assert.match(unit, /^NoNewPrivileges=yes$/m);
    assert.match(unit, /^MemoryMax=\d+M$/m);
    assert.match(unit, /^SyslogIdentifier=pihealth(d|-exporter)(@%i)?$/m);
    assert.match(unit, /^ExecReload=\/bin\/kill -HUP \$MAINPID$/m);
    assert.match(unit, /^CapabilityBoundingSet=$/m);
    assert.match(unit, /^ProtectSystem=strict$/m);
    const program = /^ExecStart=.* dist\/(\S+)\.js /m.exec(unit)?.[1] ?? "none";
    assert.ok(readFileSync(path.join(REPOSITORY, `${program}.ts`), "utf8").length > 0);
  });
}

test("the first configuration of the master is valid and has the jobs that the shipped rules need", async () => {
  const file = path.join(REPOSITORY, "scraper/systemd/pihealthd.yml");
  const config = await parseScraperConfig(readFileSync(file, "utf8"), file, realFiles);
  assert.deepEqual(
    config.scrapeConfigs.map(({ settings }) => settings.jobName),
    ["pi", "pihealth"],
  );
});
