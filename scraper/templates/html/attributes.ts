import type { Attribute } from "./context.js";

const words = (text: string): ReadonlySet<string> => new Set(text.split(" "));

const URLS = words(
  "action archive background cite classid codebase data formaction href icon longdesc manifest " +
    "poster profile src usemap xmlns",
);
/** Attributes of HTML whose values are plain text although their names look like others. */
const PLAIN = words("srclang");
/** Plain text, but a template must not choose them: they decide how other content is read. */
const UNSAFE = words(
  "accept-charset async challenge charset content crossorigin defer enctype form formenctype " +
    "formmethod formnovalidate http-equiv keytype language method novalidate pattern rel sandbox " +
    "type value",
);

/** @param name in lower case */
export function attributeOf(name: string): Attribute {
  if (name.startsWith("xmlns:")) return "URL";
  const bare = bareName(name);
  if (URLS.has(bare)) return "URL";
  if (bare === "style" || bare === "srcset") return bare;
  if (PLAIN.has(bare) || bare === "srcdoc" || UNSAFE.has(bare)) return "plain";
  if (bare.startsWith("on")) return "script";
  return /src|uri|url/.test(bare) ? "URL" : "plain";
}

/** Whether an action may name this attribute. */
export function mayBeNamedByAction(name: string): boolean {
  const bare = bareName(name);
  return attributeOf(name) === "plain" && !UNSAFE.has(bare) && bare !== "srcdoc";
}

/** `data-` and the prefix of a namespace do not change the meaning of a name. */
function bareName(name: string): string {
  return name.startsWith("data-") ? name.slice(5) : name.slice(name.indexOf(":") + 1);
}

const SCRIPT_TYPES = words(
  "application/ecmascript application/javascript application/json application/ld+json " +
    "application/x-ecmascript application/x-javascript module text/ecmascript text/javascript " +
    "text/javascript1.0 text/javascript1.1 text/javascript1.2 text/javascript1.3 " +
    "text/javascript1.4 text/javascript1.5 text/jscript text/livescript text/x-ecmascript " +
    "text/x-javascript",
);

/** Whether the content of `<script type="…">` is a script or JSON. */
export function isScriptType(type: string): boolean {
  const [media = ""] = type.toLowerCase().split(";");
  return media.trim() === "" ? type.trim() === "" : SCRIPT_TYPES.has(media.trim());
}
