import type { RouteResponse } from "./route.js";

const SECURITY_HEADERS = {
  "content-type": "text/html; charset=utf-8",
  "content-security-policy":
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
};

/** The page at `/`, for a person who opens the exporter in a browser. */
export function landingPage({
  hostname,
  version,
}: {
  hostname: string;
  version: string;
}): RouteResponse {
  const name = escapeHtml(hostname);
  const body = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>pihealth exporter on ${name}</title>
<style>body { font: 1rem/1.5 system-ui, sans-serif; margin: 3rem auto; max-width: 40rem }</style>
<h1>pihealth exporter</h1>
<p>Version ${escapeHtml(version)} on <strong>${name}</strong>.</p>
<ul>
  <li><a href="/metrics">Metrics</a> in the Prometheus formats</li>
  <li><a href="/-/healthy">Healthy</a>: the exporter answers</li>
  <li><a href="/-/ready">Ready</a>: every collector has run</li>
</ul>
</html>
`;
  return { status: 200, headers: SECURITY_HEADERS, body };
}

const HTML_ENTITIES: ReadonlyMap<string, string> = new Map([
  ["&", "&amp;"],
  ["<", "&lt;"],
  [">", "&gt;"],
  ['"', "&quot;"],
  ["'", "&#39;"],
]);

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => HTML_ENTITIES.get(character) ?? "");
}
