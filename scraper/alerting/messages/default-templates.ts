/**
 * The start of every HTML mail, up to the rows of its card.
 *
 * @param subject name of the template for the title
 */
export function mailPageStart(subject: string, widthPx: number): string {
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ template "${subject}" . }}</title>
</head>
<body style="margin:0;padding:0;background:#f3f5f7;color:#1b1f24;font-family:-apple-system,'Segoe UI',Roboto,
Helvetica,Arial,sans-serif">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0"><tr><td align="center" style="padding:12px">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="max-width:${widthPx}px;background:#ffffff;
border:1px solid #d5dae0;border-radius:8px;overflow:hidden;text-align:left">`;
}

export const MAIL_PAGE_END = `<tr><td style="padding:12px 20px;border-top:1px solid #e3e6ea;font-size:12px;color:#57606a">
Sent by pihealth to receiver {{ .Receiver }}
{{- with .ExternalURL }} &middot; <a href="{{ . }}" style="color:#0969da">{{ . }}</a>{{ end }}</td></tr>
</table>
</td></tr></table>
</body>
</html>`;

/**
 * The mails of receivers without templates of their own. A file of `templates:` that defines one of
 * these names replaces it. The annotations `summary`, `description` and `value` are shown when an
 * alert has them.
 */
export const DEFAULT_TEMPLATES = String.raw`
{{ define "__subject" -}}
[{{ .Status | toUpper }}{{ if eq .Status "firing" }}:{{ .Alerts.Firing | len }}{{ end }}]
{{- range .GroupLabels.SortedPairs }} {{ .Value }}{{ end }}
{{- with .CommonLabels.instance }}{{ if not $.GroupLabels.instance }} ({{ . }}){{ end }}{{ end }}
{{- end }}

{{ define "email.default.subject" }}{{ template "__subject" . }}{{ end }}

{{ define "__time" }}{{ .Format "2006-01-02 15:04:05 MST" }}{{ end }}

{{/* A label value is one line. Further lines of an annotation are indented. */}}
{{ define "__one_line" }}{{ reReplaceAll "\n" "\\n" . }}{{ end }}
{{ define "__indented" }}{{ reReplaceAll "\n" "\n    " . }}{{ end }}

{{ define "__text_alert" -}}
{{ template "__one_line" .Labels.alertname }}{{ with .Labels.instance }} on {{ template "__one_line" . }}{{ end }}
{{ with .Annotations.summary }}  {{ template "__indented" . }}
{{ end }}{{ with .Annotations.description }}  {{ template "__indented" . }}
{{ end }}{{ with .Annotations.value }}  Value: {{ template "__indented" . }}
{{ end }}  Since: {{ template "__time" .StartsAt }}
{{ if eq .Status "resolved" }}  Until: {{ template "__time" .EndsAt }}
{{ end }}{{ with .Annotations.runbook_url }}  Runbook: {{ template "__one_line" . }}
{{ end }}{{ with .GeneratorURL }}  Source: {{ template "__one_line" . }}
{{ end }}  Labels:{{ range .Labels.SortedPairs }}
    {{ .Name }} = {{ template "__one_line" .Value }}{{ end }}
{{ end }}

{{ define "__text_part" }}{{ range $index, $alert := . }}{{ if lt $index 50 }}
{{ template "__text_alert" $alert }}{{ end }}{{ end }}{{ if gt (len .) 50 }}
Only the first 50 of {{ len . }} are listed.
{{ end }}{{ end }}

{{ define "email.default.text" -}}
{{ if gt (len .Alerts.Firing) 0 }}{{ len .Alerts.Firing }} firing
{{ template "__text_part" .Alerts.Firing }}
{{ end }}{{ if gt (len .Alerts.Resolved) 0 }}{{ len .Alerts.Resolved }} resolved
{{ template "__text_part" .Alerts.Resolved }}
{{ end }}--
Sent by pihealth to receiver {{ .Receiver }}{{ with .ExternalURL }}, {{ . }}{{ end }}
{{ end }}

{{ define "__html_alert" }}
<tr><td style="padding:16px 20px;border-top:1px solid #e3e6ea">
<div style="font-size:17px;font-weight:600;color:#1b1f24">{{ .Labels.alertname }}</div>
{{ with .Labels.instance }}<div style="font-size:14px;color:#57606a">{{ . }}</div>{{ end }}
{{ with .Annotations.summary }}<div style="margin-top:8px;font-size:15px">{{ . }}</div>{{ end }}
{{ with .Annotations.description }}<div style="margin-top:4px;font-size:14px;color:#57606a">{{ . }}</div>{{ end }}
<table role="presentation" cellpadding="0" cellspacing="0" style="margin-top:10px;font-size:14px">
{{ with .Annotations.value }}<tr><td style="padding:1px 12px 1px 0;color:#57606a">Value</td>
<td style="font-weight:600">{{ . }}</td></tr>{{ end }}
<tr><td style="padding:1px 12px 1px 0;color:#57606a">Since</td><td>{{ template "__time" .StartsAt }}</td></tr>
{{ if eq .Status "resolved" }}<tr><td style="padding:1px 12px 1px 0;color:#57606a">Until</td>
<td>{{ template "__time" .EndsAt }}</td></tr>{{ end }}
</table>
<div style="margin-top:8px">{{ range .Labels.SortedPairs }}<span style="display:inline-block;margin:2px 4px 2px 0;
padding:1px 8px;border-radius:10px;background:#eef1f4;font-size:12px;color:#424a53;word-break:break-all">
{{- .Name }}={{ .Value }}</span>{{ end }}</div>
{{ if or .Annotations.runbook_url .GeneratorURL }}<div style="margin-top:8px;font-size:14px">
{{ with .Annotations.runbook_url }}<a href="{{ . }}" style="color:#0969da">Runbook</a>&nbsp; {{ end }}
{{ with .GeneratorURL }}<a href="{{ . }}" style="color:#0969da">Source</a>{{ end }}</div>{{ end }}
</td></tr>
{{ end }}

{{ define "__html_firing" }}
<tr><td style="padding:14px 20px;background:#b42318;color:#ffffff;font-size:16px;font-weight:600">
{{ len . }} firing</td></tr>
{{ template "__html_list" . }}
{{ end }}

{{ define "__html_resolved" }}
<tr><td style="padding:14px 20px;background:#1a7f4b;color:#ffffff;font-size:16px;font-weight:600">
{{ len . }} resolved</td></tr>
{{ template "__html_list" . }}
{{ end }}

{{ define "__html_list" }}{{ range $index, $alert := . }}{{ if lt $index 50 }}{{ template "__html_alert" $alert }}
{{ end }}{{ end }}{{ if gt (len .) 50 }}<tr><td style="padding:12px 20px;font-size:14px;color:#57606a">
Only the first 50 of {{ len . }} are listed.</td></tr>{{ end }}{{ end }}

{{ define "email.default.html" -}}
${mailPageStart("__subject", 620)}
{{ if gt (len .Alerts.Firing) 0 }}{{ template "__html_firing" .Alerts.Firing }}{{ end }}
{{ if gt (len .Alerts.Resolved) 0 }}{{ template "__html_resolved" .Alerts.Resolved }}{{ end }}
${MAIL_PAGE_END}
{{ end }}
`;
