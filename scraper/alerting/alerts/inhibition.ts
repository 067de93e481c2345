import type { Labels } from "../../../exporter/shared/model/labels.js";
import { matchesAll } from "../config/matchers.js";
import type { InhibitRule } from "../config/notification-config.js";

interface FiringAlert {
  readonly fingerprint: string;
  readonly labels: Labels;
}

interface IndexedRule {
  readonly rule: InhibitRule;
  /** Firing source alerts by the values of the `equal` labels. */
  readonly sources: ReadonlyMap<string, readonly FiringAlert[]>;
}

/** Finds the alerts of one set of firing alerts that inhibit an alert. */
export class Inhibitor {
  private readonly rules: readonly IndexedRule[];

  constructor(rules: readonly InhibitRule[], firing: readonly FiringAlert[]) {
    this.rules = rules.map((rule) => ({ rule, sources: sourcesOf(rule, firing) }));
  }

  /**
   * Fingerprints of the alerts that inhibit an alert with these labels, at most one for each rule.
   */
  inhibitorsOf(labels: Labels): string[] {
    const found = this.rules.flatMap(({ rule, sources }) => {
      if (!matchesAll(rule.target, labels)) return [];
      // Alerts that match both sides of a rule must inhibit neither each other nor themselves.
      const isSource = matchesAll(rule.source, labels);
      const candidates = sources.get(equalKeyOf(rule, labels)) ?? [];
      const inhibitor = candidates.find(
        (source) => !isSource || !matchesAll(rule.target, source.labels),
      );
      return inhibitor === undefined ? [] : [inhibitor.fingerprint];
    });
    return [...new Set(found)];
  }
}

function sourcesOf(rule: InhibitRule, firing: readonly FiringAlert[]): Map<string, FiringAlert[]> {
  const sources = new Map<string, FiringAlert[]>();
  for (const alert of firing) {
    if (!matchesAll(rule.source, alert.labels)) continue;
    const key = equalKeyOf(rule, alert.labels);
    const known = sources.get(key);
    if (known === undefined) sources.set(key, [alert]);
    else known.push(alert);
  }
  return sources;
}

const equalKeyOf = (rule: InhibitRule, labels: Labels): string => labels.only(rule.equal).key;
