import type { Exposition } from "../exposition/exposition.js";
import { CONTENT_TYPES } from "../exposition/metric-text.js";
import { negotiateEncoding, negotiateFormat } from "../exposition/negotiation.js";
import { landingPage } from "./landing-page.js";
import { textAnswer, type HttpQuestion, type HttpAnswer, type HttpRoute } from "./http-route.js";

interface ExporterRoutesParts {
  readonly exposition: Exposition;
  readonly hostname: string;
  readonly version: string;
  /** False until every collector has run once. */
  readonly isReady: () => boolean;
}

export function createExporterRoutes({
  exposition,
  hostname,
  version,
  isReady,
}: ExporterRoutesParts): HttpRoute[] {
  return [
    { path: "/metrics", answer: (question) => answerMetrics(exposition, question) },
    { path: "/-/healthy", isOpen: true, answer: () => textAnswer(200, "Healthy") },
    {
      path: "/-/ready",
      isOpen: true,
      answer: () =>
        isReady()
          ? textAnswer(200, "Ready")
          : textAnswer(503, "Not ready: the first sampling is running"),
    },
    { path: "/", answer: () => landingPage({ hostname, version }) },
  ];
}

async function answerMetrics(
  exposition: Exposition,
  { headers }: HttpQuestion,
): Promise<HttpAnswer> {
  const format = negotiateFormat(headers["accept"]);
  const encoding = negotiateEncoding(headers["accept-encoding"]);
  return {
    status: 200,
    headers: {
      "content-type": CONTENT_TYPES[format],
      vary: "Accept, Accept-Encoding",
      ...(encoding === "gzip" ? { "content-encoding": "gzip" } : {}),
    },
    body: await exposition.prepare(format, encoding),
  };
}
