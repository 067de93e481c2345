/**
 * Renders every mail of a configuration with sample alerts, so that `check config` finds a template
 * that cannot render before an alert does. Called by that command only.
 */
import { messageOf } from "../../../exporter/shared/model/errors.js";
import { Labels } from "../../../exporter/shared/model/labels.js";
import { KeyValues } from "../../templates/alertmanager-values.js";
import { fingerprintOf } from "../alerts/alert-fingerprint.js";
import type { StoredAlert } from "../alerts/alert-store.js";
import type { NotificationConfig } from "../config/notification-config.js";
import { composeEmail } from "./email.js";
import type { EmailTemplates, NotificationTemplates } from "./notification-templates.js";
import type { Notification } from "./notification.js";
import { summaryDataOf } from "./summary-data.js";
import { templateDataOf } from "./template-data.js";

const HOUR_MS = 3_600_000;
const SAMPLE_VALUE = "192.168.1.20:9100 sample value";

export interface SampleProblems {
  /** Mails that no sample could render. */
  readonly errors: readonly string[];
  /** Mails that some samples could not render. */
  readonly warnings: readonly string[];
}

interface Sample {
  readonly name: string;
  readonly data: object;
}

/** Labels and annotations of which every one exists, whatever its name. */
class SampleValues extends KeyValues {
  override get(name: string): string {
    return super.get(name) ?? SAMPLE_VALUE;
  }
}

export function checkSampleMails(
  config: NotificationConfig,
  templates: NotificationTemplates,
  nowMs: number,
): SampleProblems {
  const errors: string[] = [];
  const warnings: string[] = [];
  for (const { name, integrations } of config.receivers.values()) {
    for (const integration of integrations) {
      if (integration.kind !== "email") continue;
      const check = (
        kind: string,
        samples: readonly Sample[],
        mail: () => EmailTemplates,
      ): void => {
        const problems = samples.flatMap((sample) => problemOf(sample, mail, nowMs));
        const [problem] = problems;
        if (problem === undefined) return;
        const text = `Cannot render the ${kind} of receiver "${name}" for ${problem}`;
        (problems.length === samples.length ? errors : warnings).push(text);
      };
      check("mail", alertSamples(name, nowMs), () => templates.of(integration));
      check("mail about an outage", [outageSample(name, nowMs)], () =>
        templates.summaryFor(integration, false),
      );
    }
  }
  return { errors, warnings };
}

function problemOf({ name, data }: Sample, mail: () => EmailTemplates, nowMs: number): string[] {
  try {
    const identity = { identity: "sample", content: "sample", nowMs, threadMs: nowMs };
    composeEmail({ data, templates: mail(), ...identity });
    return [];
  } catch (error) {
    return [`${name}: ${messageOf(error)}`];
  }
}

function alertSamples(receiver: string, nowMs: number): Sample[] {
  const firing = [1, 2].map((host) => sampleAlert(host, nowMs, nowMs + HOUR_MS));
  const [first] = firing;
  const resolved = sampleAlert(3, nowMs, nowMs);
  const notification = (alerts: readonly StoredAlert[]): Notification => ({
    receiver,
    groupKey: "sample",
    groupLabels: Labels.of({ alertname: "Sample" }),
    alerts,
    nowMs,
    externalUrl: "http://master.example:8730",
  });
  const plain = (alerts: readonly StoredAlert[]): object =>
    templateDataOf(notification(alerts), "UTC");
  return [
    { name: "one firing alert", data: plain(first === undefined ? [] : [first]) },
    { name: "two firing alerts and a resolved one", data: plain([...firing, resolved]) },
    { name: "a resolved alert", data: plain([resolved]) },
    {
      name: "alerts that have every label and annotation",
      data: templateDataOf(
        notification([...firing, resolved]),
        "UTC",
        ({ pairs }) => new SampleValues(pairs),
      ),
    },
  ];
}

function sampleAlert(host: number, nowMs: number, endsAtMs: number): StoredAlert {
  const labels = sampleLabels(host);
  return {
    labels,
    annotations: SAMPLE_ANNOTATIONS,
    startsAtMs: nowMs - HOUR_MS,
    endsAtMs,
    generatorUrl: "http://master.example:8730/graph?g0.expr=up&g0.tab=1",
    fingerprint: fingerprintOf(labels),
    updatedAtMs: nowMs,
    endsByTimeout: false,
    isImmediate: false,
    isDurable: false,
  };
}

const SAMPLE_ANNOTATIONS = Labels.of({
  summary: "Sample summary",
  description: "Sample <description> & more",
  value: "42",
  runbook_url: "http://example.org/runbook",
});

const sampleLabels = (host: number): Labels =>
  Labels.of({
    alertname: "Sample",
    instance: `192.168.1.${20 + host}:9100`,
    job: "pihealth",
    severity: "warning",
  });

function outageSample(receiver: string, nowMs: number): Sample {
  const alert = {
    labels: sampleLabels(1),
    annotations: SAMPLE_ANNOTATIONS,
    generatorUrl: "",
    activeAtMs: nowMs - 2 * HOUR_MS,
    firedAtMs: nowMs - 2 * HOUR_MS,
    endedAtMs: nowMs - HOUR_MS,
    times: 2,
    worst: 97.5,
  };
  const alerts = [alert, { ...alert, labels: sampleLabels(2), endedAtMs: undefined }];
  const times = { fromMs: nowMs - 3 * HOUR_MS, untilMs: nowMs - HOUR_MS };
  const summary = { id: "sample", away: "master", alerts, omitted: 1, ...times } as const;
  const externalUrl = "http://master.example:8730";
  const data = summaryDataOf({ receiver, summary, nowMs, externalUrl, timeZone: "UTC" });
  return { name: "two alerts", data };
}
