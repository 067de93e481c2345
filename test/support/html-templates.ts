/** Generated HTML templates, good and bad, to compare verdicts and outputs with Go's html/template. */
import { Random } from "./random.js";

const VALUES = [
  ".Status",
  ".ExternalURL",
  ".CommonAnnotations.summary",
  ".CommonLabels.nope",
  "(index .Alerts 1).GeneratorURL",
  '"javascript:alert(1)"',
  '"a b&c=d/é?x#y"',
  '"</script><!-- `${x}` \\\\ \\" \' \\n\\u2028"',
  '"expression(1); url(x)"',
  '"12px"',
  '"#0af"',
  '"a--b"',
  '"onclick"',
  '"title"',
  '"HREF"',
  '""',
  '"/a.png 2x, b:c 3x,, http://x/y z!"',
  "1",
  "1.5",
  "true",
  ".GroupLabels",
  ".CommonLabels.SortedPairs",
  ".Alerts.Firing",
  "(index .Alerts 0).StartsAt",
  'stringSlice "a" "<b>"',
  "safeHtml \"<b title='x'>&amp;</b> + <!-- c --> 1 < 2\"",
  "safeUrl \"javascript:f('x y')\"",
  'html "<&>"',
  'urlquery "a/b c"',
  ".Status | html",
  "js .CommonAnnotations.summary",
  ".CommonAnnotations.summary | urlquery",
  '$x := "d"',
  'html "a" | urlquery',
  ".Status | html | toUpper",
];

const FORMS = [
  "<p>@</p>",
  "<title>@</title>",
  "<textarea>a<b @</textarea>",
  "<!-- @ -->",
  "<!DOCTYPE html><3 @",
  "<@>",
  "<p @>",
  "<p @=@>",
  '<p a@="@">',
  '<p on@="@">',
  "<p title=@>",
  "<p title=a@b>",
  "<p title=\"@\" data-x='@'>",
  "<p title= @ class=x>",
  '<p title="&quot;@">',
  '<a href="@">',
  "<a href='@'>",
  "<a href=@>",
  '<a href="/a/@?b=@&amp;c=@#@">',
  '<a href=" @">',
  '<a href="mailto:@">',
  '<a xlink:href="@" data-url="@" xmlns:a="@" my-uri="@">',
  '<img srcset="@">',
  '<img srcset="a.png 1x, @ 2x">',
  "<img srcset=@>",
  '<meta http-equiv="refresh" content="0; URL = @">',
  '<meta content="@">',
  '<meta content="url=a;@">',
  '<iframe srcdoc="@">',
  '<input type="@" value=@>',
  "<script>x = @;</script>",
  "<script>x = '@' + \"@\";</script>",
  "<script>x = `@${ @ }@`;</script>",
  "<script>x = `${ {a: @} } @`;</script>",
  "<script>x = `a${`b${@}`}@`; y = @</script>",
  "<script>x = /@/i.test(@) / @</script>",
  "<script>x = /[/]@/; y = a / @ / b</script>",
  "<script>if (a) { /@/ } else { x = {} /@/ }</script>",
  "<script>return /@/</script>",
  "<script>a++ / @; b + /@/; c = 1. / @ ; d = x. /@/</script>",
  "<script>a < /@/; b - /@/; c# /@/</script>",
  "<script>`a` /@/; 'a' /@/</script>",
  "<script>) /@/; ] /@/; } /@/; { /@/</script>",
  "<script>/* @ */ a // @\n @</script>",
  "<script><!-- @\n @ --> @\n</script>",
  "<script>#! @\n @</script>",
  '<script>var a = "<script>@</script>";</script>',
  "<script>var a = /<script>@</script>/;</script>",
  '<script type="text/template">@</script>',
  '<script type="application/json">{"a": @}</script>',
  '<script type="module">f(@)</script>',
  "<script type=text/x>@</script>",
  '<script src="@">@</script>',
  "<script>/* a\nb */ @ /* c */</script>",
  "<a onclick=\"f(@, '@', &quot;@&quot;)\">",
  "<a onclick='f(&#34;@&#34;, &#x2f;@/)'>",
  "<a onclick=f(@)>",
  '<a onclick="x = `@`; // @">',
  "<style>@ { color: @; background: url(@) }</style>",
  "<style>a { background: url('@'); content: \"@\" }</style>",
  '<style>a { background: URL( "/a/@?b=@" ) /* @ */ } // @\n b {}</style>',
  "<style>a { content: 'a\\'@' } b { content: '\\3f@' } myurl(@)</style>",
  '<p style="color: @; width: @">',
  "<p style='background: url(&quot;@&quot;)'>",
  "<p style=\"font-family: '@'\">",
  "<p style=color:@>",
  '<p style="background: url(/a?@)">',
  "<td\n\tclass='a'\n@\n>",
  "<svg:a x:href='@'>",
  "</p @>",
];

/** Parts that break a text, or nearly. */
const ODD = [
  "<",
  "</",
  "<a",
  '<a href="',
  "<!--",
  "-->",
  "<script>",
  "</script >",
  "<style>",
  "'",
  '"',
  "`",
  "/",
  "=",
  ">",
  "\\",
  "{",
  "}",
  " ",
  "&",
  "?",
  "<p a'b>",
  "<p a=b'c>",
  "x",
];

/** @returns templates in the notation of Go */
export function htmlTemplates(count: number, seed: number): string[] {
  const random = new Random(seed);
  return Array.from({ length: count }, () => template(random));
}

function template(random: Random): string {
  let text = Array.from({ length: 1 + random.below(2) }, () => form(random)).join("");
  if (random.chance(0.15)) text = inserted(random, text, random.pick(ODD));
  if (random.chance(0.15)) text = wrapped(random, text);
  if (random.chance(0.1))
    text = `{{ define "t" }}${form(random)}{{ end }}${inserted(random, text, '{{ template "t" . }}')}`;
  return text;
}

function form(random: Random): string {
  return random.pick(FORMS).replaceAll("@", () => action(random));
}

function action(random: Random): string {
  const value = `{{ ${random.pick(VALUES)} }}`;
  switch (random.below(12)) {
    case 0:
      return `{{ if .CommonLabels.nope }}${random.pick(ODD)}{{ else }}${value}{{ end }}`;
    case 1:
      return `{{ if .Status }}${value}{{ end }}`;
    case 2:
      return `{{ range .Alerts }}{{ .Status }}${random.chance(0.5) ? "," : ""}{{ end }}`;
    case 3:
      return `{{ with .Status }}a{{ . }}{{ else }}?{{ end }}`;
    case 4:
      return `${value}${value}`;
    default:
      return value;
  }
}

function wrapped(random: Random, text: string): string {
  switch (random.below(5)) {
    case 0:
      return `{{ if .Status }}${text}{{ else }}${form(random)}{{ end }}`;
    case 1:
      return `{{ range stringSlice "a" "b" }}${text.replace(/\{\{.*?\}\}/g, "{{ . }}")}{{ end }}`;
    case 2:
      return `{{ range .Alerts }}{{ if eq .Status "x" }}${random.pick(ODD)}{{ break }}{{ end }}<p>{{ .Status }}</p>{{ end }}`;
    case 3:
      return `{{ define "r" }}${random.pick(ODD)}{{ if false }}{{ template "r" . }}{{ end }}${random.pick(ODD)}{{ end }}{{ template "r" . }}${text}`;
    default:
      return `<b title="${text}">`;
  }
}

function inserted(random: Random, text: string, part: string): string {
  const places = [...text.matchAll(/\}\}|>| /g)].map(({ index }) => index + 1);
  const at = random.pick([
    ...places.filter(
      (place) => text.slice(0, place).lastIndexOf("{{") <= text.slice(0, place).lastIndexOf("}}"),
    ),
    text.length,
  ]);
  return (
    text.slice(0, at).replace(/\}$/, (brace) => (text[at] === "}" ? `${brace}}` : brace)) +
    part +
    text.slice(text[at] === "}" ? at + 1 : at)
  );
}
