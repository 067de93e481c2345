/** Which route answers a request: decided here for requests that pass through Express and for all others. */

export interface RoutePattern {
  /** A route for GET answers HEAD as well, unless another route of the path does. */
  readonly methods: readonly string[];
  /** In Express' syntax: `/history/:name`. Routes of one path must differ in their methods. */
  readonly path: string;
}

export type PathParameters = Readonly<Record<string, string>>;

/** Where a request goes. */
export type RouteMatch<Route> =
  | {
      readonly kind: "route";
      readonly route: Route;
      /** Values of the named parts of the path, decoded. */
      readonly parameters: PathParameters;
    }
  | { readonly kind: "wrong_method"; readonly allowed: readonly string[] }
  | { readonly kind: "unknown_path"; readonly path: string }
  /** The path is not valid percent-encoded UTF-8. */
  | { readonly kind: "malformed_path" }
  | { readonly kind: "failed"; readonly error: unknown };

const NO_PARAMETERS: PathParameters = Object.freeze({});

/** All routes of one path. */
export class PathRoutes<Route extends RoutePattern> {
  readonly hasParameters: boolean;
  private readonly byMethod = new Map<string, RouteMatch<Route>>();
  private readonly wrongMethod: RouteMatch<Route>;

  constructor(
    readonly path: string,
    routes: readonly Route[],
  ) {
    this.hasParameters = /[:*{]/.test(path);
    this.wrongMethod = { kind: "wrong_method", allowed: routes.flatMap(({ methods }) => methods) };
    for (const route of routes) {
      const match = { kind: "route", route, parameters: NO_PARAMETERS } as const;
      for (const method of route.methods) {
        if (!this.byMethod.has(method)) this.byMethod.set(method, match);
      }
    }
    const get = this.byMethod.get("GET");
    if (get !== undefined && !this.byMethod.has("HEAD")) this.byMethod.set("HEAD", get);
  }

  /** Returns the same object for every request, so that a match costs no memory. */
  match(method: string): RouteMatch<Route> {
    return this.byMethod.get(method) ?? this.wrongMethod;
  }
}

/** Groups routes by path, in the order in which the paths first appear. */
export function groupByPath<Route extends RoutePattern>(
  routes: readonly Route[],
): PathRoutes<Route>[] {
  const byPath = new Map<string, Route[]>();
  for (const route of routes) {
    const siblings = byPath.get(route.path);
    if (siblings === undefined) byPath.set(route.path, [route]);
    else siblings.push(route);
  }
  return [...byPath].map(([path, siblings]) => new PathRoutes(path, siblings));
}

/** The target of a request without its query. */
export function pathOf(url: string): string {
  const queryStart = url.indexOf("?");
  return queryStart === -1 ? url : url.slice(0, queryStart);
}
