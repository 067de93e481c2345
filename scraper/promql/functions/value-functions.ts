/** Functions that map each sample of a vector on its own. */
export const VALUE_FUNCTIONS: ReadonlyMap<string, (value: number) => number> = new Map([
  ["abs", Math.abs],
  ["ceil", Math.ceil],
  ["floor", Math.floor],
  ["exp", Math.exp],
  ["sqrt", Math.sqrt],
  ["ln", Math.log],
  ["log2", Math.log2],
  ["log10", Math.log10],
  ["sin", Math.sin],
  ["cos", Math.cos],
  ["tan", Math.tan],
  ["asin", Math.asin],
  ["acos", Math.acos],
  ["atan", Math.atan],
  ["sinh", Math.sinh],
  ["cosh", Math.cosh],
  ["tanh", Math.tanh],
  ["asinh", Math.asinh],
  ["acosh", Math.acosh],
  ["atanh", Math.atanh],
  ["rad", (value: number): number => (value * Math.PI) / 180],
  ["deg", (value: number): number => (value * 180) / Math.PI],
  ["sgn", (value: number): number => (value < 0 ? -1 : value > 0 ? 1 : value)],
]);

/** Parts of the date in UTC of a value, which is in seconds since the Unix epoch. */
export const DATE_FUNCTIONS: ReadonlyMap<string, (value: number) => number> = new Map([
  ["year", (value: number): number => dateOf(value).getUTCFullYear()],
  ["month", (value: number): number => dateOf(value).getUTCMonth() + 1],
  ["day_of_month", (value: number): number => dateOf(value).getUTCDate()],
  ["day_of_week", (value: number): number => dateOf(value).getUTCDay()],
  ["day_of_year", dayOfYear],
  ["days_in_month", daysInMonth],
  ["hour", (value: number): number => dateOf(value).getUTCHours()],
  ["minute", (value: number): number => dateOf(value).getUTCMinutes()],
]);

const DAY_MS = 86_400_000;
const dateOf = (seconds: number): Date => new Date(Math.trunc(seconds) * 1000);

function dayOfYear(seconds: number): number {
  const date = dateOf(seconds);
  const newYear = new Date(date.getTime());
  newYear.setUTCMonth(0, 1);
  return Math.round((date.getTime() - newYear.getTime()) / DAY_MS) + 1;
}

function daysInMonth(seconds: number): number {
  const date = dateOf(seconds);
  date.setUTCMonth(date.getUTCMonth() + 1, 0);
  return date.getUTCDate();
}
