import { type Html, html } from "./html.js";

/** Shown in cells whose value is not known. */
export const NOTHING = html`<span class="quiet" title="not known">–</span>`;

const isNumber = (value: number | undefined): value is number =>
  value !== undefined && !Number.isNaN(value);

export const formatPercent = (ratio: number): string =>
  `${(100 * ratio).toFixed(ratio > 0 && ratio < 0.0995 ? 1 : 0)} %`;
export const formatCelsius = (celsius: number): string => `${celsius.toFixed(1)} °C`;
export const plural = (count: number, noun: string): string =>
  `${count} ${noun}${count === 1 ? "" : "s"}`;

/** `5s`, `12m`, `3h`, `9d`: one unit is precise enough. */
export function formatAge(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)}m`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)}h` : `${Math.round(seconds / 86_400)}d`;
}

/** @param level of the family the value belongs to: 0 normal, 1 note, 2 warning */
export const levelClass = (level: number | undefined): string =>
  ["", "note", "warning"][level ?? 0] ?? "";

/** A percentage with a bar of that length. */
export function meter(ratio: number | undefined, level: number | undefined): Html {
  if (!isNumber(ratio)) return NOTHING;
  const width = (100 * Math.min(1, Math.max(0, ratio))).toFixed(1);
  return html`<span class="meter ${levelClass(level)}"
    >${formatPercent(ratio)}<svg viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
      <rect class="track" width="100" height="4" />
      <rect width="${width}" height="4" /></svg
  ></span>`;
}

export const temperature = (celsius: number | undefined, level: number | undefined): Html =>
  isNumber(celsius)
    ? html`<span class="${levelClass(level)}">${formatCelsius(celsius)}</span>`
    : NOTHING;

export const badge = (state: string, text = state): Html =>
  html`<b class="badge ${state}">${text}</b>`;

/** Path of the page of one host. */
export function hostPath(instance: string, job: string): string {
  return `/host/${encodeURIComponent(instance.toWellFormed())}?job=${encodeURIComponent(job.toWellFormed())}`;
}
