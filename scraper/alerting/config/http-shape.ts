/** The shape of `http_config` and of the TLS settings, in receivers and in `global`. */
import type { ConfigSection } from "../../../exporter/shared/config/config-section.js";
import { isReservedHeader } from "../../http-client/header-config.js";
import { isGiven, requireAtMostOne, requireOneOf, type SectionShape } from "./section-shape.js";

const TLS_VERSIONS = ["TLS10", "TLS11", "TLS12", "TLS13"];

export const TLS_SHAPE: SectionShape = {
  keys: {
    ca: "text",
    ca_file: "text",
    ca_ref: "text",
    cert: "text",
    cert_file: "text",
    cert_ref: "text",
    key: "text",
    key_file: "text",
    key_ref: "text",
    server_name: "text",
    insecure_skip_verify: "boolean",
    min_version: "text",
    max_version: "text",
  },
  check(section) {
    const kinds = ["ca", "cert", "key"].map((name) => [name, `${name}_file`, `${name}_ref`]);
    for (const keys of kinds) requireAtMostOne(section, keys);
    const [, cert = [], key = []] = kinds;
    const given = (keys: readonly string[]): boolean => keys.some((name) => isGiven(section, name));
    if (given(cert)) requireOneOf(section, key);
    if (given(key)) requireOneOf(section, cert);
    for (const name of ["min_version", "max_version"]) {
      if (section.has(name) && !TLS_VERSIONS.includes(section.string(name))) {
        section.fail(name, `is no version of TLS, it must be one of ${TLS_VERSIONS.join(", ")}`);
      }
    }
  },
};

const PROXY_KEYS = {
  proxy_url: "text",
  no_proxy: "text",
  proxy_from_environment: "boolean",
  proxy_connect_header: "anything",
} as const satisfies SectionShape["keys"];

function checkProxy(section: ConfigSection): void {
  const isFromEnvironment = section.boolean("proxy_from_environment", { default: false });
  const url = section.string("proxy_url", { default: "" });
  if (isFromEnvironment) {
    for (const key of ["proxy_url", "no_proxy"]) {
      if (isGiven(section, key)) {
        section.fail(key, "is given beside proxy_from_environment, it must be only one of them");
      }
    }
  } else if (url === "") {
    for (const key of ["no_proxy", "proxy_connect_header"]) {
      if (isGiven(section, key)) section.fail(key, "is given alone, it must come with proxy_url");
    }
  }
  if (/^[^/?#]*:/.test(url) && !/^[a-z][a-z0-9+.-]*:/i.test(url)) {
    section.fail("proxy_url", "is not a URL, it must begin with http:// or https://");
  }
}

const JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer";

const OAUTH2_SHAPE: SectionShape = {
  keys: {
    audience: "text",
    claims: "anything",
    client_certificate_key: "text",
    client_certificate_key_file: "text",
    client_certificate_key_id: "text",
    client_certificate_key_ref: "text",
    client_id: "text",
    client_secret: "text",
    client_secret_file: "text",
    client_secret_ref: "text",
    endpoint_params: "textMap",
    grant_type: "text",
    iss: "text",
    scopes: "texts",
    signature_algorithm: "text",
    tls_config: TLS_SHAPE,
    token_url: "text",
    ...PROXY_KEYS,
  },
  check(section) {
    requireOneOf(section, ["client_id"]);
    requireOneOf(section, ["token_url"]);
    const secret =
      section.string("grant_type", { default: "" }) === JWT_GRANT
        ? "client_certificate_key"
        : "client_secret";
    requireAtMostOne(section, [secret, `${secret}_file`, `${secret}_ref`]);
    checkProxy(section);
  },
};

const HTTP_HEADER_SHAPE: SectionShape = {
  keys: { values: "texts", secrets: "texts", files: "texts" },
};

const BASIC_AUTH_SHAPE: SectionShape = {
  keys: {
    username: "text",
    username_file: "text",
    username_ref: "text",
    password: "text",
    password_file: "text",
    password_ref: "text",
  },
  check(section) {
    for (const name of ["username", "password"]) {
      requireAtMostOne(section, [name, `${name}_file`, `${name}_ref`]);
    }
  },
};

const AUTHORIZATION_SHAPE: SectionShape = {
  keys: { type: "text", credentials: "text", credentials_file: "text", credentials_ref: "text" },
  check(section) {
    requireAtMostOne(section, ["credentials", "credentials_file", "credentials_ref"]);
    if (section.string("type", { default: "" }).trim().toLowerCase() === "basic") {
      section.fail("type", "is basic, which has a key of its own, basic_auth");
    }
  },
};

export const HTTP_SHAPE: SectionShape = {
  keys: {
    authorization: AUTHORIZATION_SHAPE,
    basic_auth: BASIC_AUTH_SHAPE,
    bearer_token: "text",
    bearer_token_file: "text",
    enable_http2: "boolean",
    follow_redirects: "boolean",
    http_headers: "anything",
    oauth2: OAUTH2_SHAPE,
    tls_config: TLS_SHAPE,
    ...PROXY_KEYS,
  },
  check(section) {
    requireAtMostOne(section, ["basic_auth", "oauth2", "authorization"]);
    requireAtMostOne(section, ["bearer_token", "bearer_token_file"]);
    for (const key of ["basic_auth", "oauth2", "authorization"]) {
      requireAtMostOne(section, [key, "bearer_token"]);
      requireAtMostOne(section, [key, "bearer_token_file"]);
    }
    checkProxy(section);
    const headers = section.section("http_headers");
    for (const name of headers.keys()) {
      if (isReservedHeader(name)) {
        headers.fail(name, "is a header that the client sets itself, it must be left out");
      }
      checkShapeOfHeader(headers, name);
    }
  },
};

function checkShapeOfHeader(headers: ConfigSection, name: string): void {
  const values = headers.section(name);
  for (const key of Object.keys(HTTP_HEADER_SHAPE.keys)) values.strings(key, { default: [] });
  values.rejectUnknownKeys();
}
