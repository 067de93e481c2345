import type {
  AlertView,
  RuleGroupView,
  RuleView,
} from "../../rule-engine/evaluation/rules-view.js";
import { withoutUrlSecrets } from "../../../exporter/shared/model/shown-text.js";
import { ApiError } from "../http/api-errors.js";
import { type ApiResponse, type ApiRequest, dataResponse, type Route } from "../http/route.js";

export interface RuleRouteParts {
  readonly ruleGroups: () => readonly RuleGroupView[];
  readonly alerts: () => Iterable<AlertView>;
  /** URLs of the Alertmanagers that receive the alerts. */
  readonly alertmanagerUrls: () => readonly string[];
  /** URLs of the Alertmanagers that relabelling removed. */
  readonly droppedAlertmanagerUrls: () => readonly string[];
}

/** `/api/v1/rules`, `alerts` and `alertmanagers`. */
export function ruleRoutes(parts: RuleRouteParts): Route[] {
  const methods = ["GET"] as const;
  return [
    { methods, path: "/api/v1/rules", handle: async (request) => answerRules(parts, request) },
    {
      methods,
      path: "/api/v1/alerts",
      handle: async () => dataResponse({ alerts: parts.alerts() }),
    },
    {
      methods,
      path: "/api/v1/alertmanagers",
      handle: async () => {
        const entry = (url: string) => ({ url: withoutUrlSecrets(url) });
        return dataResponse({
          activeAlertmanagers: parts.alertmanagerUrls().map(entry),
          droppedAlertmanagers: parts.droppedAlertmanagerUrls().map(entry),
        });
      },
    },
  ];
}

function answerRules(parts: RuleRouteParts, { parameters }: ApiRequest): ApiResponse {
  const type = parameters.text("type").toLowerCase();
  if (!["", "alert", "record"].includes(type)) {
    throw new ApiError("bad_data", `invalid parameter "type": not supported value "${type}"`);
  }
  const excludesAlerts = parseFlag(parameters.text("exclude_alerts"));
  const [files, groups, names] = ["file[]", "rule_group[]", "rule_name[]"].map(
    (name) => new Set(parameters.all(name)),
  );
  const isWanted = (rule: RuleView): boolean =>
    (type === "" || (type === "alert") === (rule.type === "alerting")) && isIn(names, rule.name);
  const found = parts.ruleGroups().flatMap((group) => {
    if (!isIn(files, group.file) || !isIn(groups, group.name)) return [];
    const rules = group.rules
      .filter(isWanted)
      .map((rule) => (excludesAlerts ? withoutAlerts(rule) : rule));
    return rules.length === 0 && group.rules.length > 0 ? [] : [{ ...group, rules }];
  });
  return dataResponse({ groups: found });
}

const isIn = (wanted: ReadonlySet<string> | undefined, name: string): boolean =>
  wanted === undefined || wanted.size === 0 || wanted.has(name);

function withoutAlerts(rule: RuleView): RuleView {
  return rule.type === "alerting" ? { ...rule, alerts: [] } : rule;
}

function parseFlag(text: string): boolean {
  if (["", "false", "0"].includes(text)) return false;
  if (["true", "1"].includes(text)) return true;
  throw new ApiError(
    "bad_data",
    `invalid parameter "exclude_alerts": error converting exclude_alerts: "${text}"`,
  );
}
