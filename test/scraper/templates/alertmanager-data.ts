import {
  ALERT_JSON_NAMES,
  DATA_JSON_NAMES,
  KeyValues,
  listWithMethods,
} from "../../../scraper/templates/alertmanager-values.js";
import { GoTime, ZERO_TIME_MS } from "../../../scraper/templates/go-time.js";
import { JSON_NAMES, templateFunction } from "../../../scraper/templates/template-values.js";

type Texts = Readonly<Record<string, string>>;

interface AmtoolAlert {
  readonly status: string;
  readonly labels: Texts;
  readonly annotations: Texts;
  readonly startsAt: string;
  readonly endsAt: string;
  readonly generatorURL: string;
  readonly fingerprint: string;
}

interface AmtoolData {
  readonly receiver: string;
  readonly status: string;
  readonly externalURL: string;
  readonly groupLabels: Texts;
  readonly commonLabels: Texts;
  readonly commonAnnotations: Texts;
  readonly alerts: readonly AmtoolAlert[];
}

/** Alerts in the format of amtool's data files. */
export const AMTOOL_DATA: AmtoolData = {
  receiver: "r",
  status: "firing",
  externalURL: "http://am:9093",
  groupLabels: { job: "pi", alertname: "X" },
  commonLabels: { alertname: "X", job: "pi", zone: "a&b" },
  commonAnnotations: { summary: '<b>hot</b> "q" +1' },
  alerts: [
    {
      status: "firing",
      labels: { alertname: "X", instance: "a:1" },
      annotations: { summary: "one" },
      startsAt: "2026-01-12T15:00:28.25Z",
      endsAt: "0001-01-01T00:00:00Z",
      generatorURL: "http://p/graph?g0.expr=up+%3D%3D+0&g0.tab=1",
      fingerprint: "f1",
    },
    {
      status: "resolved",
      labels: { alertname: "X", instance: "b:2" },
      annotations: {},
      startsAt: "2026-07-02T03:04:05Z",
      endsAt: "2026-07-02T04:04:05Z",
      generatorURL: "javascript:alert(1)",
      fingerprint: "f2",
    },
  ],
};

const keyValues = (texts: Texts): KeyValues => new KeyValues(Object.entries(texts));
const time = (text: string): GoTime =>
  new GoTime(text.startsWith("0001") ? ZERO_TIME_MS : Date.parse(text));

const alerts = AMTOOL_DATA.alerts.map((alert) => ({
  Status: alert.status,
  Labels: keyValues(alert.labels),
  Annotations: keyValues(alert.annotations),
  StartsAt: time(alert.startsAt),
  EndsAt: time(alert.endsAt),
  GeneratorURL: alert.generatorURL,
  Fingerprint: alert.fingerprint,
  [JSON_NAMES]: ALERT_JSON_NAMES,
}));

/** The same alerts as values of templates. */
export const TEMPLATE_DATA = {
  Receiver: AMTOOL_DATA.receiver,
  Status: AMTOOL_DATA.status,
  Alerts: listWithMethods(alerts, (items) => ({
    Firing: templateFunction([], () => items.filter(({ Status }) => Status === "firing")),
    Resolved: templateFunction([], () => items.filter(({ Status }) => Status === "resolved")),
  })),
  NotificationReason: "",
  GroupLabels: keyValues(AMTOOL_DATA.groupLabels),
  CommonLabels: keyValues(AMTOOL_DATA.commonLabels),
  CommonAnnotations: keyValues(AMTOOL_DATA.commonAnnotations),
  ExternalURL: AMTOOL_DATA.externalURL,
  [JSON_NAMES]: DATA_JSON_NAMES,
};
