import { BadInputError } from "../../../exporter/shared/model/errors.js";
import type { ImportPlace, ImportResult } from "../../backfill/sample-import.js";
import { ApiError } from "../http/api-errors.js";
import { type ApiRequest, dataResponse, type Route } from "../http/route.js";

export interface AdminRouteParts {
  /** The configuration key `web.enable_admin_api`. */
  readonly isEnabled: boolean;
  /**
   * Copies all samples to a new folder.
   *
   * @returns the name of the folder below `<data>/snapshots`
   */
  readonly takeSnapshot: (options: { readonly withHead: boolean }) => Promise<string>;
  /** Stores the samples of a file, see `SampleImport`. */
  readonly importSamples: (place: ImportPlace, text: string) => Promise<ImportResult>;
}

/** `/api/v1/admin/*`: needs the fleet token and, as in Prometheus, is disabled by default. */
export function adminRoutes({ isEnabled, takeSnapshot, importSamples }: AdminRouteParts): Route[] {
  return [
    {
      methods: ["POST", "PUT"],
      path: "/api/v1/admin/tsdb/snapshot",
      needsToken: true,
      async handle(request) {
        if (!isEnabled) throw new ApiError("unavailable", "admin APIs disabled");
        return dataResponse({ name: await takeSnapshot({ withHead: !isHeadSkipped(request) }) });
      },
    },
    {
      methods: ["POST"],
      path: "/api/v1/admin/import",
      needsToken: true,
      async handle(request) {
        if (!isEnabled) throw new ApiError("unavailable", "admin APIs disabled");
        return dataResponse(await importFrom(request, importSamples));
      },
    },
  ];
}

async function importFrom(
  { parameters, body }: ApiRequest,
  importSamples: AdminRouteParts["importSamples"],
): Promise<ImportResult> {
  const given = (name: string): string | undefined => parameters.text(name) || undefined;
  const place = {
    instance: given("instance"),
    job: given("job"),
    host: given("host"),
    nodeId: given("node_id"),
    isFinished: parameters.text("labels") === "finished",
  };
  try {
    return await importSamples(place, body.toString("utf8"));
  } catch (error) {
    if (error instanceof BadInputError) throw new ApiError("bad_data", error.message);
    throw error;
  }
}

/** The parameter `skip_head`: a boolean as Go parses it. */
function isHeadSkipped({ parameters }: ApiRequest): boolean {
  const text = parameters.text("skip_head");
  if (text === "" || /^(0|f|F|false|FALSE|False)$/.test(text)) return false;
  if (/^(1|t|T|true|TRUE|True)$/.test(text)) return true;
  throw new ApiError(
    "bad_data",
    `invalid parameter "skip_head": cannot parse "${text}" to a boolean`,
  );
}
