/** One measured figure, with the figure of a peer from the same run if there is one. */
export interface BenchFigure {
  readonly name: string;
  readonly unit: string;
  readonly ours: number;
  readonly peer?: number;
  readonly peerName?: string;
  /** The aim as stated in DESIGN. */
  readonly aim: string;
}

export function renderFigures(figures: readonly BenchFigure[]): string {
  const rows = figures.map(({ name, unit, ours, peer, peerName, aim }) => [
    name,
    `${round(ours)} ${unit}`,
    peer === undefined ? "-" : `${round(peer)} ${unit} (${peerName ?? "peer"})`,
    peer === undefined ? "-" : `${round(ours / peer)}x`,
    aim,
  ]);
  const table = [["figure", "pihealth", "peer", "ratio", "aim"], ...rows];
  const widths = [0, 1, 2, 3, 4].map((column) =>
    Math.max(...table.map((row) => (row[column] ?? "").length)),
  );
  return table
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

const round = (value: number): string => String(Number(value.toPrecision(3)));
