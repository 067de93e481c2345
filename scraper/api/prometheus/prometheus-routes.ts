import { type FederateRouteParts, federateRoute } from "./federate-route.js";
import { type MetadataRouteParts, metadataRoutes } from "./metadata-routes.js";
import { type QueryRouteParts, queryRoutes } from "./query-routes.js";
import type { Route } from "../http/route.js";
import { type RuleRouteParts, ruleRoutes } from "./rule-routes.js";
import { type TargetRouteParts, targetRoutes } from "./target-routes.js";

export interface PrometheusRouteParts
  extends
    QueryRouteParts,
    MetadataRouteParts,
    FederateRouteParts,
    TargetRouteParts,
    RuleRouteParts {}

/**
 * Prometheus' HTTP API about samples, targets and rules. Each request runs in its own promise and
 * reads what the functions in `parts` return at that moment.
 */
export function prometheusRoutes(parts: PrometheusRouteParts): Route[] {
  return [
    ...queryRoutes(parts),
    ...metadataRoutes(parts),
    federateRoute(parts),
    ...targetRoutes(parts),
    ...ruleRoutes(parts),
  ];
}
