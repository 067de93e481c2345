/** Values with methods that Alertmanager hands to its templates. */
import { compareStrings } from "../../exporter/shared/model/labels.js";
import {
  METHODS,
  templateFunction,
  type TemplateFunction,
  type WithMethods,
} from "./template-values.js";

interface Pair {
  readonly Name: string;
  readonly Value: string;
}

/**
 * Labels or annotations: a map whose `SortedPairs`, `Names`, `Values` and `Remove` templates call.
 */
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

  /** `alertname` first, the others by name, as Alertmanager shows them. */
  private sortedPairs(): Pair[] {
    const names = [...this.keys()].sort((left, right) => {
      if (left === "alertname" || right === "alertname") return left === "alertname" ? -1 : 1;
      return compareStrings(left, right);
    });
    return names.map((Name) => ({ Name, Value: this.get(Name) as string }));
  }

  private withoutNames(names: readonly unknown[]): KeyValues {
    return new KeyValues([...this].filter(([name]) => !names.includes(name)));
  }
}

/** A list whose methods templates may call, such as `.Alerts.Firing`. */
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
