/** The heaviest requests of many sorts that `npm run bench -- busy-queries` sends. */

export interface BusyRequest {
  /** The sort, for the report. */
  readonly name: string;
  readonly method: "GET" | "POST";
  readonly path: string;
  /** A form, which is sent as the body. */
  readonly form?: Readonly<Record<string, string>>;
  /** True for a request that Prometheus answers too. */
  readonly isCommon: boolean;
}

export interface BusyRange {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** One step for each scrape of three hours is far below the limit of 11,000 steps. */
const RANGE_QUERIES: Readonly<Record<string, string>> = {
  "every series": '{job="pi"}',
  rate: 'rate({job="pi"}[5m])',
  "sum by name": 'sum by (__name__) ({job="pi"})',
  "avg by instance": 'avg by (instance) (rate({job="pi"}[5m]))',
  topk: 'topk(5, {__name__=~"other_metric_.*"})',
  sort: 'sort_desc({__name__=~"other_metric_.*"})',
  count_values: 'count_values("value", {__name__=~"other_metric_1.*"})',
  label_replace: 'label_replace({job="pi"}, "x", "$1-$2", "instance", "(.*):(.*)")',
  join: "pihealth_memory_available_bytes / on (instance) group_left () pihealth_memory_total_bytes",
  "many to many": '{__name__=~"other_metric_.*"} and {__name__=~"other_metric_.*"}',
  regex: '{__name__=~"(a|o|p).*[0-9]$",instance=~".*[1-9].*[0-9]$"}',
  quantile: 'quantile(0.9, {job="pi"})',
  quantile_over_time: 'quantile_over_time(0.9, {__name__=~"pihealth_.*"}[30m])',
  predict_linear: 'predict_linear({__name__=~"pihealth_.*"}[1h], 3600)',
  deriv: 'deriv({__name__=~"pihealth_.*"}[1h])',
  double_exponential_smoothing:
    'double_exponential_smoothing({__name__=~"pihealth_.*"}[1h], 0.5, 0.5)',
  min_over_time: 'min_over_time({__name__=~"pihealth_.*"}[1h])',
  "max_over_time minus": 'max_over_time({job="pi"}[1h]) - min_over_time({job="pi"}[1h])',
  absent: 'absent({job="pi",instance!~".*7.*"})',
  absent_over_time: 'absent_over_time({job="pi"}[1h])',
  subquery: "max_over_time(rate(pihealth_cpu_seconds_total[1m])[1h:15s])",
  "subquery of a subquery":
    "max_over_time(avg_over_time(rate(pihealth_cpu_seconds_total[1m])[10m:15s])[1h:1m])",
};

const INSTANT_QUERIES: Readonly<Record<string, string>> = {
  "instant: every series": '{job="pi"}',
  "instant: raw samples": '{__name__=~"other_metric_1.*"}[3h]',
  "instant: sort_by_label": 'sort_by_label({job="pi"}, "instance", "part")',
  "instant: count by": 'count by (__name__, instance) ({job="pi"})',
  "instant: quantile_over_time": 'quantile_over_time(0.5, {job="pi"}[3h])',
  "instant: predict_linear": 'predict_linear({job="pi"}[3h], 60)',
  "instant: one long subquery": "deriv(vector(time())[2000000s:1s])",
  "instant: quantile of a long subquery": "quantile_over_time(0.5, vector(time())[2000000s:1s])",
  "instant: min of a long subquery": "min_over_time(vector(time())[2000000s:1s])",
  "instant: wide target": '{job="wide"}',
  "instant: wide target, raw": '{job="wide"}[30m]',
  "instant: churning target": 'count({job="churn"}[3h:1m])',
};

export function busyRequests({ fromMs, untilMs }: BusyRange): BusyRequest[] {
  const [start, end] = [String(fromMs / 1000), String(untilMs / 1000)];
  const requests: BusyRequest[] = [];
  const add = (name: string, path: string, isCommon = true): void => {
    requests.push({ name, method: "GET", path, isCommon });
  };
  const post = (name: string, path: string, form: Readonly<Record<string, string>>): void => {
    requests.push({ name, method: "POST", path, form, isCommon: true });
  };
  for (const [name, query] of Object.entries(RANGE_QUERIES))
    post(name, "/api/v1/query_range", { query, start, end, step: "15", timeout: "60s" });
  for (const [name, query] of Object.entries(INSTANT_QUERIES))
    post(name, "/api/v1/query", { query, time: end, timeout: "60s" });
  const longList = `{job=~"${"a|".repeat(250_000)}b"}`;
  post("a list of 250,000 values", "/api/v1/query", { query: longList, time: end });
  const longRegex = `{job=~"${"a.b|".repeat(4000)}b"}`;
  post("a regular expression of 16 kB", "/api/v1/query", { query: longRegex, time: end });
  const window = `start=${start}&end=${end}`;
  const all = `match[]=${encodeURIComponent('{__name__!=""}')}`;
  add("series", `/api/v1/series?${window}&${all}`);
  add("labels", `/api/v1/labels?${window}`);
  add("label values", `/api/v1/label/__name__/values?${window}`);
  add("label values of a regex", `/api/v1/label/part/values?${window}&${all}`);
  add("status/tsdb", "/api/v1/status/tsdb?limit=1000");
  add("rules", "/api/v1/rules");
  add("alerts", "/api/v1/alerts");
  add("targets", "/api/v1/targets");
  add("targets/metadata", "/api/v1/targets/metadata");
  add("metadata", "/api/v1/metadata");
  add("federate", `/federate?${all}`);
  add("own metrics", "/metrics");
  add("api/v2/alerts", "/api/v2/alerts", false);
  add("api/v2/alerts/groups", "/api/v2/alerts/groups", false);
  add("fleet page", "/", false);
  add("host page", "/host/127.0.0.1%3A0", false);
  add("gaps", "/api/v1/gaps", false);
  add("alert history", "/api/v1/alerts/history", false);
  return requests;
}
