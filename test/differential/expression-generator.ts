import { NEWER_SYNTAX } from "./newer-syntax.js";
import type { Random } from "../support/random.js";

/**
 * Generates expressions over the series of data-set.ts that Prometheus 2.42 and 3 both accept,
 * directly or after translation (newer-syntax.ts). Windows, steps of subqueries and offsets are
 * multiples of 30 s and evaluation times are not, so no inner step is on the edge of a window.
 */
export class ExpressionGenerator {
  constructor(private readonly random: Random) {}

  vector(depth = 3): string {
    if (depth <= 0 || this.random.chance(0.15)) return this.selector() + this.modifiers();
    const { random } = this;
    switch (random.below(13)) {
      case 12:
        return this.newer("vectors");
      case 0:
      case 1:
      case 2:
        return `${random.pick(RANGE_FUNCTIONS)}(${this.matrix(depth - 1)})`;
      case 3:
      case 4:
        return this.aggregation(depth);
      case 5:
        return `${this.side(depth)} ${random.pick(ARITHMETIC)} ${this.scalar(depth - 1)}`;
      case 6:
        return `${this.side(depth)} ${random.pick(COMPARISONS)} ${random.pick(["", "bool "])}${this.scalar(depth - 1)}`;
      case 7:
        return this.vectorOperation(depth);
      case 8:
        return this.setOperation(depth);
      case 9:
        return `${random.pick(INSTANT_FUNCTIONS)}(${this.vector(depth - 1)})`;
      case 10:
        return this.specialCall(depth);
      default:
        return `${random.pick(["-", "+"])}(${this.vector(depth - 1)})`;
    }
  }

  scalar(depth = 1): string {
    const { random } = this;
    if (random.chance(0.08)) return this.newer("scalars");
    if (depth <= 0 || random.chance(0.6)) return random.pick(NUMBERS);
    switch (random.below(4)) {
      case 0:
        return random.pick(["time()", "pi()"]);
      case 1:
        return `scalar(${this.vector(depth - 1)})`;
      case 2:
        return `(${this.scalar(depth - 1)} ${random.pick(ARITHMETIC)} ${this.scalar(depth - 1)})`;
      default:
        return `(${this.scalar(depth - 1)} ${random.pick(COMPARISONS)} bool ${this.scalar(depth - 1)})`;
    }
  }

  private selector(): string {
    return this.random.chance(0.1) ? this.newer("selectors") : this.random.pick(SELECTORS);
  }

  private newer(kind: keyof typeof NEWER_SYNTAX): string {
    return this.random.pick<readonly [string, string]>(NEWER_SYNTAX[kind])[0];
  }

  private modifiers(): string {
    if (this.random.chance(0.04)) return this.newer("modifiers");
    return this.random.chance(0.75) ? "" : this.random.pick(MODIFIERS);
  }

  private matrix(depth: number): string {
    const { random } = this;
    if (random.chance(0.1)) return `${this.selector()}${this.newer("windows")}${this.modifiers()}`;
    const window = random.pick(["1m", "2m", "5m", "10m30s", "30m"]);
    if (depth <= 0 || random.chance(0.75))
      return `${this.selector()}[${window}]${this.modifiers()}`;
    return `(${this.vector(depth - 1)})[${window}:${random.pick(["30s", "1m", ""])}]${this.modifiers()}`;
  }

  private aggregation(depth: number): string {
    const { random } = this;
    const grouping = random.chance(0.1)
      ? this.newer("groupings")
      : random.pick([
          "",
          " by (job)",
          " by (job, code)",
          " without (instance)",
          " by (instance, le)",
          " without ()",
        ]);
    const inner = this.vector(depth - 1);
    const operator = random.pick(AGGREGATIONS);
    if (operator === "quantile")
      return `quantile${grouping} (${random.pick(["0", "0.3", "0.9", "1", "-1", "2"])}, ${inner})`;
    if (operator === "topk" || operator === "bottomk") {
      // The order of equal values is undefined, so these use a metric whose values all differ.
      return `${operator}${grouping} (${random.pick(["1", "2", "3"])}, temperature${this.modifiers()})`;
    }
    if (operator === "count_values") {
      // The values become labels, which must not depend on the last digit, so they are rounded.
      return `count_values${grouping} ("value", round(${this.selector()}))`;
    }
    return `${operator}${grouping} (${inner})`;
  }

  private vectorOperation(depth: number): string {
    const { random } = this;
    const operator = random.chance(0.6)
      ? random.pick(ARITHMETIC)
      : `${random.pick(COMPARISONS)}${random.pick(["", " bool"])}`;
    const matching = random.pick([
      "",
      "",
      "on (job, instance)",
      "ignoring (code, room, le)",
      "on (instance) group_left ()",
      "on (job, instance) group_left (room)",
      "on (job) group_right ()",
      "ignoring (code) group_left ()",
      "on (job) group_left ()",
    ]);
    const few = random.chance(0.5)
      ? random.pick(["up", "temperature", "limits", "sum by (job, instance) (requests_total)"])
      : this.side(depth);
    const isRight = matching.includes("group_right");
    const [left, right] = isRight ? [few, this.side(depth)] : [this.side(depth), few];
    return `${left} ${operator} ${matching} ${right}`;
  }

  private setOperation(depth: number): string {
    const { random } = this;
    const matching = random.pick([
      "",
      "",
      "on (job)",
      "ignoring (code, le)",
      "on (instance, job)",
      "on ()",
    ]);
    return `${this.side(depth)} ${random.pick(["and", "or", "unless"])} ${matching} ${this.side(depth)}`;
  }

  private side(depth: number): string {
    return `(${this.vector(depth - 1)})`;
  }

  private specialCall(depth: number): string {
    const inner = this.vector(depth - 1);
    const matrix = this.matrix(depth - 1);
    switch (this.random.below(10)) {
      case 0:
        return `histogram_quantile(${this.scalar(0)}, ${this.random.pick(["", "sum by (job, le) "])}(rate(latency_bucket[5m])))`;
      case 1:
        return `clamp(${inner}, -1, ${this.scalar(0)})`;
      case 2:
        return `clamp_max(${inner}, ${this.scalar(0)}) + clamp_min(${inner}, 2)`;
      case 3:
        return `round(${inner}, ${this.random.pick(["0.5", "5", "0"])})`;
      case 4:
        return `label_replace(${inner}, "${this.random.pick(["job", "new", "__name__"])}", "$1-$2", "instance", "(.):(.)")`;
      case 5:
        return `label_join(${inner}, "${this.random.pick(["joined", "job", "code"])}", "${this.random.pick(["/", ""])}", "job", "instance")`;
      case 6:
        return `predict_linear(${matrix}, ${this.random.pick(["60", "-30", "3600"])})`;
      case 7:
        return `quantile_over_time(${this.random.pick(["0", "0.5", "0.99", "2"])}, ${matrix})`;
      case 8:
        return `vector(${this.scalar(depth - 1)})`;
      default:
        return `absent(${inner}) or absent_over_time(${matrix})`;
    }
  }
}

const SELECTORS = [
  "up",
  "requests_total",
  "temperature",
  "odd",
  "limits",
  "latency_bucket",
  'requests_total{code="500"}',
  'requests_total{code=~"4..|5.."}',
  'temperature{room!="x"}',
  '{job="db",__name__=~"up|temperature"}',
  "nothing",
  'requests_total{instance!~"a.*",job=~".+"}',
  'temperature{room=""}',
  'odd{job="api"}',
  'latency_bucket{le="+Inf"}',
] as const;
const MODIFIERS = [
  " offset 5m",
  " offset -1m30s",
  " @ start()",
  " @ end()",
  " @ 1768221007",
  " @ end() offset 2m",
] as const;
const NUMBERS = ["0", "1", "2", "-1", "0.5", "100", "1e-3", "Inf", "NaN", "-Inf", "0x1F"] as const;
const ARITHMETIC = ["+", "-", "*", "/", "%", "^", "atan2"] as const;
const COMPARISONS = ["==", "!=", ">", "<", ">=", "<="] as const;
const AGGREGATIONS = [
  "sum",
  "sum",
  "avg",
  "min",
  "max",
  "count",
  "group",
  "stddev",
  "stdvar",
  "quantile",
  "count_values",
  "topk",
  "bottomk",
] as const;
const RANGE_FUNCTIONS = [
  "rate",
  "rate",
  "increase",
  "delta",
  "irate",
  "idelta",
  "resets",
  "changes",
  "deriv",
  "sum_over_time",
  "avg_over_time",
  "min_over_time",
  "max_over_time",
  "count_over_time",
  "present_over_time",
  "last_over_time",
  "stddev_over_time",
  "stdvar_over_time",
] as const;
const INSTANT_FUNCTIONS = [
  "abs",
  "ceil",
  "floor",
  "exp",
  "ln",
  "log2",
  "log10",
  "sqrt",
  "sgn",
  "sin",
  "cos",
  "tan",
  "asin",
  "acos",
  "atan",
  "sinh",
  "cosh",
  "tanh",
  "asinh",
  "acosh",
  "atanh",
  "deg",
  "rad",
  "timestamp",
  "minute",
  "hour",
  "day_of_week",
  "day_of_month",
  "day_of_year",
  "days_in_month",
  "month",
  "year",
  "sort",
  "sort_desc",
] as const;
