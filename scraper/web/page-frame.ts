import { createHash } from "node:crypto";
import { Html, html } from "./html.js";
import { PAGE_STYLE } from "./page-style.js";

export interface FrameParts {
  readonly title: string;
  readonly version: string;
  readonly nowMs: number;
  readonly refreshSeconds: number;
  readonly header: Html;
  readonly main: Html;
}

const ICON =
  "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Cpath fill='none' stroke='%23188054'" +
  " stroke-width='2' d='M1 9h3l2-6 3 11 3-8 1 3h2'/%3E%3C/svg%3E";

/**
 * The frame of every page: style, header, footer. Plain HTML without scripts that reloads itself.
 */
export function renderFrame({
  title,
  version,
  nowMs,
  refreshSeconds,
  header,
  main,
}: FrameParts): string {
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <title>${title}</title>
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta http-equiv="refresh" content="${refreshSeconds}" />
        <link rel="icon" href="${new Html(ICON)}" />
        <style>${new Html(PAGE_STYLE)}</style>
      </head>
      <body>
        <header>${header}</header>
        <main>${main}</main>
        <footer>
          <span>pihealth ${version}</span>
          <span
            >${new Date(nowMs).toISOString().slice(0, 19).replace("T", " ")} UTC, renewed every
            ${refreshSeconds} s</span
          >
          <nav aria-label="API">
            <a href="/api/v1/targets">targets</a> <a href="/api/v1/alerts">alerts</a>
            <a href="/api/v1/rules">rules</a> <a href="/metrics">own metrics</a>
          </nav>
        </footer>
      </body>
    </html> `;
  return page.text;
}

/** The browser accepts only our own style, whatever gets into a page. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  "Content-Security-Policy":
    `default-src 'none'; style-src 'sha256-${createHash("sha256").update(PAGE_STYLE).digest("base64")}'; ` +
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
  "Cache-Control": "no-store",
};
