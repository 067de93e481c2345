/** Who gets mail with the shipped rules and the shipped alertmanager.yml. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { findAlarms } from "../../exporter/alarms/alarm-rules.js";
import { Labels } from "../../exporter/shared/model/labels.js";
import { gauge } from "../../exporter/shared/model/metric.js";
import { realFiles } from "../../exporter/shared/platform/real-files.js";
import type { NotificationConfig } from "../../scraper/alerting/config/notification-config.js";
import { groupLabelsOf, routesFor } from "../../scraper/alerting/config/route.js";
import { loadNotificationFile } from "../../scraper/config/named-files.js";
import { parseExpression } from "../../scraper/promql/language/parser.js";
import { AlertExpander } from "../../scraper/rule-engine/rules/alert-expansion.js";
import { loadRuleFiles } from "../../scraper/rule-engine/rules/load-rule-files.js";
import { REPOSITORY } from "../support/repository.js";

const RULES = path.join(REPOSITORY, "rules");
const MAIL = path.join(RULES, "mail", "alertmanager.yml");
const HOST = { instance: "10.0.0.7:8732", job: "pi" };

/** Labels of every shipped alert for one host. */
async function shippedAlerts(): Promise<Labels[]> {
  const files = readdirSync(RULES)
    .filter((name) => name.endsWith(".yml"))
    .map((name) => path.join(RULES, name));
  const groups = await loadRuleFiles(files, realFiles, {
    defaultIntervalMs: 60_000,
    defaultQueryOffsetMs: 0,
    checkExpression: parseExpression,
    expander: new AlertExpander({ externalLabels: Labels.of({}), externalUrl: "" }),
  });
  return groups.flatMap(({ rules }) =>
    rules.flatMap((rule) =>
      rule.kind === "alerting"
        ? [Labels.of({ ...HOST, alertname: rule.name, ...rule.labels })]
        : [],
    ),
  );
}

/** The number of mail addresses that the routes of an alert lead to. */
function mailsOf(config: NotificationConfig, labels: Labels): number {
  return routesFor(config.route, labels).flatMap(
    ({ receiver }) => config.receivers.get(receiver)?.integrations ?? [],
  ).length;
}

test("facts and notes never mail, everything else does", async () => {
  const config = await loadNotificationFile(MAIL, realFiles);
  const alerts = await shippedAlerts();
  assert.ok(alerts.length > 25, `only ${alerts.length} alerts found`);
  for (const labels of alerts) {
    const expected = labels.get("severity") === "info" ? 0 : 1;
    assert.equal(mailsOf(config, labels), expected, labels.toString());
  }
  const names = alerts.map((labels) => labels.get("alertname"));
  for (const note of names.filter((name) => name.endsWith("Note"))) {
    const labels = alerts.find((alert) => alert.get("alertname") === note);
    assert.equal(labels?.get("severity"), "info", note);
  }
});

test("an alarm that a Pi pushes about a malicious process is no mail; other alarms are", async () => {
  const config = await loadNotificationFile(MAIL, realFiles);
  const sample = (name: string, value: number, labels: Record<string, string>) =>
    gauge({ name, help: "x", labels: Object.keys(labels) }).sample(value, labels);
  const process = { pid: "7", comm: "xmrig", name: "xmrig", user: "pi" };
  const alarms = findAlarms([
    sample("pihealth_malicious_process_cpu_ratio", 1, process),
    sample("pihealth_alarm_level", 2, { family: "memory" }),
  ]);
  const mails = alarms.map(({ alertname, severity, labels }) => {
    const all = Labels.of({ ...HOST, ...labels, alertname, severity });
    return [alertname, mailsOf(config, all)];
  });
  assert.deepEqual(mails, [
    ["PihealthMemoryWarning", 1],
    ["PihealthMaliciousProcess", 0],
  ]);
});

test("the malicious processes of one host are one mail, those of two hosts are two", async () => {
  const { route } = await loadNotificationFile(MAIL, realFiles);
  const alert = (instance: string, pid: string): Labels =>
    Labels.of({
      ...{ alertname: "PihealthMaliciousProcessLasting", severity: "warning" },
      ...{ ...HOST, instance, pid, name: `p${pid}` },
    });
  const groupOf = (labels: Labels): string =>
    routesFor(route, labels)
      .map((found) => `${found.key} ${groupLabelsOf(found, labels).toString()}`)
      .join();
  assert.equal(groupOf(alert("a", "1")), groupOf(alert("a", "2")));
  assert.notEqual(groupOf(alert("a", "1")), groupOf(alert("b", "1")));
});
