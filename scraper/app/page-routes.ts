import type { ApiResponse, Route } from "../api/http/route.js";
import { FleetPage, type PageParts } from "../web/fleet-page-data.js";
import { HostPage } from "../web/host-page-data.js";
import { PAGE_HEADERS } from "../web/page-frame.js";

/** `/` and `/host/<instance>?job=<job>`: the pages of the fleet and of one host. */
export function pageRoutes(parts: PageParts): Route[] {
  const fleetPage = new FleetPage(parts);
  const hostPage = new HostPage(parts);
  return [
    {
      methods: ["GET"],
      path: "/",
      errorStyle: "text",
      handle: async () => pageAnswer(await fleetPage.render()),
    },
    {
      methods: ["GET"],
      path: "/host/:instance",
      errorStyle: "text",
      handle: async ({ parameters, pathParameter }) => {
        const { found, page } = await hostPage.render(
          pathParameter("instance"),
          parameters.text("job"),
        );
        return pageAnswer(page, found ? 200 : 404);
      },
    },
  ];
}

const pageAnswer = (body: string, status = 200): ApiResponse => ({
  kind: "text",
  status,
  body,
  contentType: "text/html; charset=utf-8",
  headers: PAGE_HEADERS,
});
