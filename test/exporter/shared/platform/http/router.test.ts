import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  listenHttp,
  type HttpServer,
} from "../../../../../exporter/shared/platform/http/http-server.js";
import { createRouter } from "../../../../../exporter/shared/platform/http/router.js";

const ROUTES = [
  { name: "list", methods: ["GET"], path: "/history" },
  { name: "segment", methods: ["GET"], path: "/history/:name" },
  { name: "silence", methods: ["GET"], path: "/silence/:id" },
  { name: "end silence", methods: ["DELETE"], path: "/silence/:id" },
  { name: "alerts", methods: ["GET"], path: "/alerts" },
  { name: "post alerts", methods: ["POST"], path: "/alerts" },
];

let server: HttpServer;
before(async () => {
  const handler = createRouter({
    routes: ROUTES,
    answer: (match, _request, response) => {
      const shown =
        match.kind === "route"
          ? [match.route.name, ...Object.values(match.parameters)]
          : [match.kind, ...(match.kind === "wrong_method" ? match.allowed : [])];
      response.setHeader("x-match", encodeURIComponent(shown.join(" ")));
      response.end();
    },
  });
  server = await listenHttp(handler, { host: "127.0.0.1", port: 0, maxConnections: 20 });
});
after(() => server.stop(0));

for (const { name, method = "GET", path, match } of [
  { name: "a path of the table", path: "/history", match: "list" },
  { name: "a query", path: "/history?x=1&y=%ff", match: "list" },
  { name: "upper case", path: "/History", match: "list" },
  { name: "a slash at the end", path: "/history/", match: "list" },
  { name: "a parameter", path: "/history/000001-5.prom.gz", match: "segment 000001-5.prom.gz" },
  { name: "a parameter that must be decoded", path: "/history/a%2Fb%20c", match: "segment a/b c" },
  {
    name: "a parameter that looks like its pattern",
    path: "/history/:name",
    match: "segment :name",
  },
  { name: "HEAD", method: "HEAD", path: "/history", match: "list" },
  { name: "HEAD with a parameter", method: "HEAD", path: "/history/x", match: "segment x" },
  { name: "the second method of a path", method: "POST", path: "/alerts", match: "post alerts" },
  {
    name: "the second method of a pattern",
    method: "DELETE",
    path: "/silence/7",
    match: "end silence 7",
  },
  { name: "another method", method: "PUT", path: "/alerts", match: "wrong_method GET POST" },
  {
    name: "another method in another spelling",
    method: "PUT",
    path: "/ALERTS/",
    match: "wrong_method GET POST",
  },
  {
    name: "another method with a parameter",
    method: "POST",
    path: "/silence/7",
    match: "wrong_method GET DELETE",
  },
  { name: "an unknown path", path: "/nowhere", match: "unknown_path" },
  { name: "a path below a route", path: "/history/x/y", match: "unknown_path" },
  {
    name: "a parameter that cannot be decoded",
    path: "/history/%E0%A4%A",
    match: "malformed_path",
  },
]) {
  test(`the router matches ${name}: ${method} ${path} is ${match}`, async () => {
    const response = await fetch(`http://127.0.0.1:${server.port}${path}`, { method });
    assert.equal(decodeURIComponent(response.headers.get("x-match") ?? ""), match);
  });
}
