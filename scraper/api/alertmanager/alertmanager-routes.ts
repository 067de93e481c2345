import {
  deleteSilence,
  getSilence,
  listAlertGroups,
  listAlerts,
  listReceivers,
  listSilences,
  parseAlertQuery,
  postSilence,
  status,
} from "./api-v2.js";
import type { Dispatcher } from "../../alerting/dispatch/dispatcher.js";
import { decodePostedSilence } from "./posted-silence.js";
import type { ApiResponse, ApiRequest, Route } from "../http/route.js";

export interface AlertmanagerRouteParts {
  readonly dispatcher: Dispatcher;
  /**
   * Takes the body of `POST /api/v2/alerts` from this address. Resolves when the alerts survive a
   * power cut.
   */
  readonly receiveAlerts: (body: string, remoteAddress: string) => Promise<void>;
  readonly version: string;
  readonly nodeVersion: string;
}

/**
 * Alertmanager's `/api/v2`, for amtool, Grafana and other senders of alerts. Routes that change
 * something need the fleet token.
 */
export function alertmanagerRoutes({
  dispatcher,
  receiveAlerts,
  version,
  nodeVersion,
}: AlertmanagerRouteParts): Route[] {
  const read = (path: string, answer: (request: ApiRequest) => unknown): Route =>
    route(["GET"], path, async (request) => json(await answer(request)));
  return [
    read("/api/v2/alerts", ({ parameters, pace }) =>
      listAlerts(dispatcher, parseAlertQuery(parameters.values), pace),
    ),
    read("/api/v2/alerts/groups", ({ parameters, pace }) =>
      listAlertGroups(dispatcher, parseAlertQuery(parameters.values), pace),
    ),
    read("/api/v2/silences", ({ parameters }) =>
      listSilences(dispatcher, parameters.all("filter")),
    ),
    read("/api/v2/silence/:id", (request) => getSilence(dispatcher, request.pathParameter("id"))),
    read("/api/v2/receivers", () => listReceivers(dispatcher)),
    read("/api/v2/status", () => status(dispatcher, { version, nodeVersion })),
    {
      ...route(["POST"], "/api/v2/alerts", async ({ body, remoteAddress }) => {
        await receiveAlerts(body.toString("utf8"), remoteAddress);
        return json(undefined);
      }),
      needsToken: true,
    },
    {
      ...route(["POST"], "/api/v2/silences", async ({ body }) =>
        json(await postSilence(dispatcher, decodePostedSilence(body.toString("utf8")))),
      ),
      needsToken: true,
    },
    {
      ...route(["DELETE"], "/api/v2/silence/:id", async (request) => {
        await deleteSilence(dispatcher, request.pathParameter("id"));
        return json(undefined);
      }),
      needsToken: true,
    },
  ];
}

const route = (methods: Route["methods"], path: string, handle: Route["handle"]): Route => ({
  methods,
  path,
  errorStyle: "alertmanager",
  handle,
});

const json = (value: unknown, statusCode = 200): ApiResponse => ({
  kind: "json",
  status: statusCode,
  value,
});
