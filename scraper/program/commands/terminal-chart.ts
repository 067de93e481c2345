/** One line in a chart. Timestamps are in milliseconds, ascending, and as many as `values`. */
export interface ChartSeries {
  readonly name: string;
  readonly timestamps: readonly number[];
  readonly values: readonly number[];
}

export interface ChartFrame {
  readonly fromMs: number;
  readonly toMs: number;
  /** Usual distance of two samples; a line is interrupted where it is more than twice as long. */
  readonly stepMs: number;
  /** Width in characters. */
  readonly columns: number;
  /** True draws braille dots in colours; false draws letters, for files and pipes. */
  readonly isTerminal: boolean;
  readonly formatTime: (timeMs: number) => string;
}

const ROWS = 12;
/** Width of the numbers beside the axis. */
const AXIS_COLUMNS = 7;
const MIN_PLOT_COLUMNS = 20;
/** Dots in one braille character. */
const DOTS_ACROSS = 2;
const DOTS_DOWN = 4;
/** Unicode braille patterns: the bit of each dot, by line and column. */
const BRAILLE_BITS = [
  [0x01, 0x08],
  [0x02, 0x10],
  [0x04, 0x20],
  [0x40, 0x80],
] as const;
const BRAILLE_BLANK = 0x2800;
/** Foreground colours that differ on dark and on light backgrounds. */
const COLORS = [36, 33, 35, 32, 31, 34, 96, 93] as const;
const MARKS = "abcdefgh";
/** Most series in a chart: there are no more colours to tell them apart. */
export const MAX_CHART_SERIES = COLORS.length;

interface Cell {
  bits: number;
  /** Index of the series that was drawn here last. */
  series: number;
}

/** Dots side by side in a chart of this width. */
export const chartDots = (columns: number): number => plotColumns(columns) * DOTS_ACROSS;

/**
 * Draws up to `MAX_CHART_SERIES` series over one another, with axes and a legend.
 *
 * @returns lines without control characters other than colours
 */
export function renderChart(series: readonly ChartSeries[], frame: ChartFrame): string[] {
  const drawn = series.slice(0, MAX_CHART_SERIES);
  const finite = drawn.flatMap(({ values }) => values.filter(Number.isFinite));
  if (finite.length === 0) return [...series.map(({ name }) => `${name}  no finite value`)];
  const [low, high] = bounds(finite);
  const grid = drawGrid(drawn, frame, low, high);
  const labels = new Map([
    [0, high],
    [ROWS / 2, (low + high) / 2],
    [ROWS - 1, low],
  ]);
  const axisWidth = AXIS_COLUMNS;
  const mark = (index: number): string => (drawn.length === 1 ? "*" : MARKS.charAt(index));
  const lines = grid.map((cells, row) => {
    const label = labels.get(row);
    const axis =
      label === undefined
        ? `${" ".repeat(axisWidth)}│`
        : `${formatNumber(label).padStart(axisWidth)}┤`;
    return (axis + cells.map((cell) => renderCell(cell, frame, mark)).join("")).trimEnd();
  });
  return [...lines, ...renderTimeAxis(frame, axisWidth), "", ...renderLegend(series, frame, mark)];
}

function drawGrid(
  series: readonly ChartSeries[],
  frame: ChartFrame,
  low: number,
  high: number,
): Cell[][] {
  const columns = plotColumns(frame.columns);
  const grid = Array.from({ length: ROWS }, () =>
    Array.from({ length: columns }, (): Cell => ({ bits: 0, series: 0 })),
  );
  const [lastX, lastY] = [columns * DOTS_ACROSS - 1, ROWS * DOTS_DOWN - 1];
  const put = (x: number, y: number, index: number): void => {
    const cell = grid[Math.floor(y / DOTS_DOWN)]?.[Math.floor(x / DOTS_ACROSS)];
    if (cell === undefined) return;
    cell.bits |= BRAILLE_BITS[y % DOTS_DOWN]?.[x % DOTS_ACROSS] ?? 0;
    cell.series = index;
  };
  for (const [index, { timestamps, values }] of series.entries()) {
    let previous: { x: number; y: number; timeMs: number } | undefined;
    for (const [position, timeMs] of timestamps.entries()) {
      const value = values[position] ?? Number.NaN;
      if (!Number.isFinite(value)) continue;
      const x = Math.round(((timeMs - frame.fromMs) / (frame.toMs - frame.fromMs)) * lastX);
      const y = Math.round((1 - (value - low) / (high - low)) * lastY);
      const isNext = previous !== undefined && timeMs - previous.timeMs <= 2 * frame.stepMs;
      for (const dot of isNext && previous !== undefined ? line(previous, { x, y }) : [{ x, y }])
        put(dot.x, dot.y, index);
      previous = { x, y, timeMs };
    }
  }
  return grid;
}

/** Dots of a straight line, both ends included. */
function line(
  from: { x: number; y: number },
  to: { x: number; y: number },
): { x: number; y: number }[] {
  const steps = Math.max(1, Math.abs(to.x - from.x), Math.abs(to.y - from.y));
  return Array.from({ length: steps + 1 }, (_, step) => ({
    x: Math.round(from.x + ((to.x - from.x) * step) / steps),
    y: Math.round(from.y + ((to.y - from.y) * step) / steps),
  }));
}

function renderCell(
  { bits, series }: Cell,
  { isTerminal }: ChartFrame,
  mark: (index: number) => string,
): string {
  if (bits === 0) return " ";
  return isTerminal ? colored(series, String.fromCodePoint(BRAILLE_BLANK + bits)) : mark(series);
}

function renderTimeAxis(
  { columns, fromMs, toMs, formatTime }: ChartFrame,
  axisWidth: number,
): string[] {
  const width = plotColumns(columns);
  const first = formatTime(fromMs);
  const middle = formatTime((fromMs + toMs) / 2);
  const last = formatTime(toMs);
  const start = Math.round(width / 2 - middle.length / 2);
  const withMiddle =
    start > first.length && start + middle.length < width - last.length
      ? first.padEnd(start) + middle
      : first;
  return [
    `${" ".repeat(axisWidth)}└${"─".repeat(width)}`,
    `${" ".repeat(axisWidth + 1)}${withMiddle.padEnd(width - last.length)}${last}`,
  ];
}

/** Names are the last column, because they may be longer than the line. */
function renderLegend(
  series: readonly ChartSeries[],
  { isTerminal }: ChartFrame,
  mark: (index: number) => string,
): string[] {
  const rows = series.map(({ name, values }, index) => {
    const finite = values.filter(Number.isFinite);
    const average = finite.reduce((sum, value) => sum + value / finite.length, 0);
    const last = finite.at(-1);
    const figures =
      last === undefined
        ? ["-", "-", "-", "-"]
        : [least(finite), average, most(finite), last].map(formatNumber);
    const drawnAs =
      index >= MAX_CHART_SERIES ? " " : isTerminal ? colored(index, "━") : mark(index);
    return { figures, drawnAs, name };
  });
  const head = ["min", "avg", "max", "last"];
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map(({ figures }) => figures[column]?.length ?? 0)),
  );
  const write = (drawnAs: string, figures: readonly string[], name: string): string =>
    [drawnAs, ...figures.map((figure, column) => figure.padStart(widths[column] ?? 0)), name].join(
      "  ",
    );
  const left = series.length - MAX_CHART_SERIES;
  return [
    write(" ", head, "series"),
    ...rows.map(({ drawnAs, figures, name }) => write(drawnAs, figures, name)),
    ...(left > 0 ? [`${left} of ${series.length} series are not drawn.`] : []),
  ];
}

const colored = (series: number, text: string): string =>
  `\u001b[${COLORS[series % COLORS.length]}m${text}\u001b[0m`;
const plotColumns = (columns: number): number =>
  Math.max(MIN_PLOT_COLUMNS, columns - AXIS_COLUMNS - 1);
const least = (values: readonly number[]): number =>
  values.reduce((low, value) => Math.min(low, value));
const most = (values: readonly number[]): number =>
  values.reduce((high, value) => Math.max(high, value));

/** A constant is drawn in the middle. */
function bounds(values: readonly number[]): [low: number, high: number] {
  const [low, high] = [least(values), most(values)];
  if (high > low) return [low, high];
  const room = low === 0 ? 1 : Math.abs(low) / 10;
  return [low - room, high + room];
}

const PREFIXES = [
  [1e12, "T"],
  [1e9, "G"],
  [1e6, "M"],
  [1e3, "k"],
] as const;

/** At most seven characters, such as `-1.234k`. */
export function formatNumber(value: number): string {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e15)) return value.toExponential(1);
  const [factor, prefix] = PREFIXES.find(([least]) => size >= least) ?? [1, ""];
  return `${Number((value / factor).toPrecision(4))}${prefix}`;
}
