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

/**
 * Parts of the date in UTC of a value, which is in seconds since the Unix epoch.
 *
 * Every value has a date, as in Prometheus on amd64: see {@link dateOf}.
 */
export const DATE_FUNCTIONS: ReadonlyMap<string, (value: number) => number> = new Map([
  ["year", (value: number): number => dateOf(value).year],
  ["month", (value: number): number => dateOf(value).date.getUTCMonth() + 1],
  ["day_of_month", (value: number): number => dateOf(value).date.getUTCDate()],
  ["day_of_week", (value: number): number => dateOf(value).date.getUTCDay()],
  ["day_of_year", dayOfYear],
  ["days_in_month", daysInMonth],
  ["hour", (value: number): number => dateOf(value).date.getUTCHours()],
  ["minute", (value: number): number => dateOf(value).date.getUTCMinutes()],
]);

const DAY_MS = 86_400_000;
/** A Date holds this distance from the epoch, and the months around it. */
const DATE_LIMIT_SECONDS = 8.6e12;

/** A date whose year is apart, because a Date ends with the year 275760. */
interface CalendarDate {
  readonly date: Date;
  readonly year: number;
}

function dateOf(value: number): CalendarDate {
  const seconds = Math.trunc(value);
  if (Math.abs(seconds) > DATE_LIMIT_SECONDS || Number.isNaN(seconds)) return distantDate(seconds);
  const date = new Date(seconds * 1000);
  return { date, year: date.getUTCFullYear() };
}

/** The calendar and its weekdays repeat after 400 years, which are 146,097 days. */
const CYCLE_YEARS = 400;
const CYCLE_SECONDS = 146_097n * 86_400n;
const INT64_MIN = -(2n ** 63n);
/** Go counts seconds in 64 bits from 1 March of the year -292277022400; earlier times wrap around. */
const GO_FIRST_SECOND = -9_223_372_028_768_198_400n;

/**
 * @param seconds beyond the range of Date, or NaN. What 64 bits cannot hold becomes the smallest
 *   integer, as in a conversion on amd64.
 */
function distantDate(seconds: number): CalendarDate {
  const isInt64 = seconds >= -(2 ** 63) && seconds < 2 ** 63;
  const whole = isInt64 ? BigInt(seconds) : INT64_MIN;
  const wrapped = whole < GO_FIRST_SECOND ? whole + 2n ** 64n : whole;
  const rest = ((wrapped % CYCLE_SECONDS) + CYCLE_SECONDS) % CYCLE_SECONDS;
  const date = new Date(Number(rest) * 1000);
  const cycles = Number((wrapped - rest) / CYCLE_SECONDS);
  return { date, year: date.getUTCFullYear() + CYCLE_YEARS * cycles };
}

function dayOfYear(seconds: number): number {
  const { date } = dateOf(seconds);
  const newYear = new Date(date.getTime());
  newYear.setUTCMonth(0, 1);
  return Math.round((date.getTime() - newYear.getTime()) / DAY_MS) + 1;
}

function daysInMonth(seconds: number): number {
  const { date } = dateOf(seconds);
  date.setUTCMonth(date.getUTCMonth() + 1, 0);
  return date.getUTCDate();
}
