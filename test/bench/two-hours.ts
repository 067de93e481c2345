import { readFileSync } from "node:fs";
import path from "node:path";
import { gunzipSync } from "node:zlib";
import { Labels } from "../../exporter/shared/model/labels.js";
import { NO_SCALE, scaleToWhole, unscale } from "../../scraper/storage/codec/number-scale.js";
import { FIXTURES } from "../support/repository.js";
import type { Recording } from "./storage.js";

/**
 * Two hours of a node_exporter scraped every 15 s: 480 rows of 507 series. One line per series: its
 * name, then its values separated by spaces, empty where a value equals the one before.
 */
export function readTwoHours(): Recording {
  const text = gunzipSync(readFileSync(path.join(FIXTURES, "node-exporter-two-hours.gz"))).toString(
    "utf8",
  );
  const series: Labels[] = [];
  const columns: Float64Array[] = [];
  for (const line of text.split("\n").filter((found) => found !== "")) {
    const nameEnd = line.indexOf("} ") >= 0 ? line.indexOf("} ") + 1 : line.indexOf(" ");
    series.push(toLabels(line.slice(0, nameEnd)));
    let before = "0";
    const values = line.slice(nameEnd + 1).split(" ");
    columns.push(
      Float64Array.from(values, (value) => Number((before = value === "" ? before : value))),
    );
  }
  const rows = columns[0]?.length ?? 0;
  return {
    series,
    rows: Array.from({ length: rows }, (_, row) =>
      Float64Array.from(columns, (column) => column[row] as number),
    ),
  };
}

export function toLabels(text: string): Labels {
  const [, name = "", body = ""] = /^([^{]*)(?:\{(.*)\})?$/.exec(text) ?? [];
  const pairs = [...body.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(
    ([, label = "", value = ""]) => [label, value] as const,
  );
  return Labels.of([["__name__", name], ...pairs]);
}

/** The rows repeated, with continued counters. */
export function continued({ series, rows }: Recording, wantedRows: number): Recording {
  const columns = series.map((_, column) => {
    const numbers = Float64Array.from(rows, (row) => row[column] as number);
    const whole = new Float64Array(numbers.length);
    const scale = scaleToWhole(numbers, whole);
    const rise = isCounter(whole) ? (whole[whole.length - 1] as number) - (whole[0] as number) : 0;
    return (row: number): number => {
      const [at, round] = [row % rows.length, Math.floor(row / rows.length)];
      if (scale === NO_SCALE || rise === 0) return numbers[at] as number;
      return unscale((whole[at] as number) + round * rise, scale);
    };
  });
  return {
    series,
    rows: Array.from({ length: wantedRows }, (_, row) =>
      Float64Array.from(columns, (valueAt) => valueAt(row)),
    ),
  };
}

function isCounter(whole: Float64Array): boolean {
  return whole.every((value, row) => row === 0 || value >= (whole[row - 1] as number));
}
