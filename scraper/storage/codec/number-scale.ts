/**
 * Scales turn doubles into whole numbers and back, exactly. Exporters divide counts of the kernel by
 * powers of ten, multiply them by 0.001 or divide twice, and each way rounds differently. The number of
 * a scale is its code in the file; see column.format.md, "Integers".
 */
const MAX_DECIMALS = 12;
const THOUSANDTH = 13;
const THOUSAND_TWICE = 14;
const MILLIONTH = 15;
const BILLIONTH = 16;
const FIRST_BINARY = 17;
export const SCALE_COUNT = 64;
export const NO_SCALE = -1;

const POWERS = Float64Array.from({ length: MAX_DECIMALS + 1 }, (_, decimals) => 10 ** decimals);
const BINARY_POWERS = Float64Array.from(
  { length: SCALE_COUNT },
  (_, scale) => 2 ** Math.max(0, scale - FIRST_BINARY + 1),
);

const MAX_MAGNITUDE = Number.MAX_SAFE_INTEGER;
/** Largest distance from the first number: second differences are below 2^51, whole when doubled. */
const MAX_SPREAD = 2 ** 49;

/** Tried after the decimal scales, in this order. A binary scale is computed, and tried last. */
const OTHER_SCALES = [THOUSANDTH, THOUSAND_TWICE, MILLIONTH, BILLIONTH];

/** The double that a whole number was scaled from. */
export function unscale(whole: number, scale: number): number {
  if (scale <= MAX_DECIMALS) return whole / (POWERS[scale] as number);
  if (scale >= FIRST_BINARY) return whole / (BINARY_POWERS[scale] as number);
  if (scale === THOUSANDTH) return whole * 0.001;
  if (scale === THOUSAND_TWICE) return whole / 1000 / 1000;
  return scale === MILLIONTH ? whole * 1e-6 : whole * 1e-9;
}

/**
 * Fills `whole` with the numbers times a common scale.
 *
 * @param numbers no NaN, infinity or -0
 * @returns the scale, or NO_SCALE when none makes all of them whole
 */
export function scaleToWhole(numbers: Float64Array, whole: Float64Array): number {
  const decimals = decimalScale(numbers, whole);
  if (decimals !== NO_SCALE) return decimals;
  for (const scale of OTHER_SCALES) if (fits(numbers, whole, scale)) return scale;
  const binary = binaryScale(numbers);
  return binary !== NO_SCALE && fits(numbers, whole, binary) ? binary : NO_SCALE;
}

function decimalScale(numbers: Float64Array, whole: Float64Array): number {
  let scale = 0;
  for (let row = 0; row < numbers.length; row++) {
    const number = numbers[row] as number;
    const before = scale;
    while (Math.round(number * (POWERS[scale] as number)) / (POWERS[scale] as number) !== number) {
      if (scale === MAX_DECIMALS) return NO_SCALE;
      scale++;
    }
    // The rows before were whole with fewer places. Nearly always they are whole with more.
    if (scale !== before && !fits(numbers.subarray(0, row), whole, scale)) return NO_SCALE;
    whole[row] = Math.round(number * (POWERS[scale] as number));
    if (isOutside(whole, row)) return NO_SCALE;
  }
  return scale;
}

function fits(numbers: Float64Array, whole: Float64Array, scale: number): boolean {
  const unit = unscale(1, scale);
  for (let row = 0; row < numbers.length; row++) {
    const number = numbers[row] as number;
    whole[row] = Math.round(number / unit);
    if (unscale(whole[row] as number, scale) !== number || isOutside(whole, row)) return false;
  }
  return true;
}

function isOutside(whole: Float64Array, row: number): boolean {
  const value = whole[row] as number;
  return !(Math.abs(value) <= MAX_MAGNITUDE && Math.abs(value - (whole[0] as number)) < MAX_SPREAD);
}

/** The scale with as many places after the binary point as the numbers need. */
function binaryScale(numbers: Float64Array): number {
  let scale = FIRST_BINARY;
  for (const number of numbers) {
    while (scale < SCALE_COUNT && !Number.isInteger(number * (BINARY_POWERS[scale] as number)))
      scale++;
  }
  return scale < SCALE_COUNT ? scale : NO_SCALE;
}
