import { itemAt } from "../../../../exporter/shared/model/get-or-throw.js";
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { messageOf } from "../../../../exporter/shared/model/errors.js";
import { alertmanagerConfigs } from "../../../support/alertmanager-configs.js";
import { alertmanagerMinor, peerEnvironment } from "../../../support/peers.js";
import { parseConfig } from "../dispatch/dispatcher-harness.js";

const COMBINATIONS = 400;
/** Parts that this program refuses although amtool accepts them; see docs/alerting.md. */
const STRICTER =
  /which is not supported yet|not supported yet|when a password goes to another machine/;

function amtool(...args: string[]): string {
  const { error, stdout, stderr } = spawnSync("amtool", args, {
    encoding: "utf8",
    env: peerEnvironment(),
    maxBuffer: 64 * 1024 * 1024,
  });
  if (error !== undefined) throw error;
  return stdout + stderr;
}

/** Undefined when the configuration is accepted. */
function ownRefusal(text: string): string | undefined {
  try {
    parseConfig(text);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

test("The verdict about hundreds of configurations is the one of amtool check-config", () => {
  const texts = [...alertmanagerConfigs(alertmanagerMinor(), COMBINATIONS)];
  const folder = mkdtempSync(path.join(tmpdir(), "pihealth-amtool-"));
  try {
    const files = texts.map((text, index) => {
      const file = path.join(folder, `${index}.yml`);
      writeFileSync(file, text);
      return file;
    });
    const output = amtool("check-config", ...files);
    // A pattern of templates fails only after the word SUCCESS.
    const reports = output.split(/^Checking '/m).filter((report) => report.includes(" FAILED"));
    const refused = new Set(reports.map((report) => report.slice(0, report.indexOf("'"))));
    const differences = texts.flatMap((text, index) => {
      const own = ownRefusal(text);
      if ((own !== undefined) === refused.has(itemAt(files, index)) || STRICTER.test(own ?? ""))
        return [];
      return [`${own === undefined ? "accepted" : own}\n${text}`];
    });
    assert.ok(texts.length > 500, `${texts.length} configurations`);
    assert.ok(refused.size > 100 && refused.size < texts.length - 100, `${refused.size} refused`);
    assert.deepEqual(differences, []);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
