import { PihealthError } from "../../../exporter/shared/model/errors.js";

/**
 * A rule cannot be evaluated because its result has the wrong form or is too large. Shown as the
 * rule's last error.
 */
export class RuleError extends PihealthError {
  readonly code = "rule_failed";
}
