/** One value of a metric that a program exposes about itself at `/metrics`. */
export interface OwnMetric {
  readonly name: string;
  readonly help: string;
  readonly type: "gauge" | "counter";
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}
