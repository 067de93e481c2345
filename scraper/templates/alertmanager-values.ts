/** Values with methods that Alertmanager passes to its templates. */
import { compareStrings } from "../../exporter/shared/model/labels.js";
import {
  METHODS,
  templateFunction,
  type TemplateFunction,
  type WithMethods,
} from "./template-values.js";

/** The names of fields in JSON, as `toJson` and scripts in HTML show them. */
export const DATA_JSON_NAMES: Readonly<Record<string, string>> = {
  Receiver: "receiver",
  Status: "status",
  Alerts: "alerts",
  NotificationReason: "notification_reason",
  GroupLabels: "groupLabels",
  CommonLabels: "commonLabels",
  CommonAnnotations: "commonAnnotations",
  ExternalURL: "externalURL",
};
export const ALERT_JSON_NAMES: Readonly<Record<string, string>> = {
  Status: "status",
  Labels: "labels",
  Annotations: "annotations",
  StartsAt: "startsAt",
  EndsAt: "endsAt",
  GeneratorURL: "generatorURL",
  Fingerprint: "fingerprint",
};

interface Pair {
  readonly Name: string;
  readonly Value: string;
}

/** Labels or annotations: a map with the methods `SortedPairs`, `Names`, `Values` and `Remove`. */
export class KeyValues extends Map<string, string> implements WithMethods {
  get [METHODS](): Readonly<Record<string, TemplateFunction>> {
    return {
      SortedPairs: templateFunction([], () => listWithMethods(this.sortedPairs(), pairMethods)),
      Names: templateFunction([], () => this.sortedPairs().map(({ Name }) => Name)),
      Values: templateFunction([], () => this.sortedPairs().map(({ Value }) => Value)),
      Remove: templateFunction(["list"], (names) => this.withoutNames(names)),
      String: templateFunction([], () => pairsText(this.sortedPairs())),
    };
  }

  /** Sorted by name as in Alertmanager, with `alertname` first. */
  private sortedPairs(): Pair[] {
    const pairs = [...this].sort(([left], [right]) => {
      if (left === "alertname" || right === "alertname") return left === "alertname" ? -1 : 1;
      return compareStrings(left, right);
    });
    return pairs.map(([Name, Value]) => ({ Name, Value }));
  }

  private withoutNames(names: readonly unknown[]): KeyValues {
    return new KeyValues([...this].filter(([name]) => !names.includes(name)));
  }
}

/** A list with methods for templates, such as `.Alerts.Firing`. */
export function listWithMethods<Item>(
  items: readonly Item[],
  methods: (items: readonly Item[]) => Readonly<Record<string, TemplateFunction>>,
): readonly Item[] & WithMethods {
  return Object.assign([...items], { [METHODS]: methods(items) });
}

function pairMethods(pairs: readonly Pair[]): Readonly<Record<string, TemplateFunction>> {
  return {
    Names: templateFunction([], () => pairs.map(({ Name }) => Name)),
    Values: templateFunction([], () => pairs.map(({ Value }) => Value)),
    String: templateFunction([], () => pairsText(pairs)),
  };
}

const pairsText = (pairs: readonly Pair[]): string =>
  pairs.map(({ Name, Value }) => `${Name}=${Value}`).join(", ");
