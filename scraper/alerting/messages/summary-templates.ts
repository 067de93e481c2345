import { MAIL_PAGE_END, mailPageStart } from "./default-templates.js";

const CELL = "padding:8px 10px;border-top:1px solid #e3e6ea;vertical-align:top";

/**
 * The mail about the alerts of an outage. A file of `templates:` that defines one of these names
 * replaces it.
 */
export const SUMMARY_TEMPLATES = String.raw`
{{ define "__summary_time" }}{{ .Format "2006-01-02 15:04:05 MST" }}{{ end }}
{{ define "__summary_cell_time" }}{{ .Format "Mon 2006-01-02 15:04:05" }}{{ end }}
{{ define "__summary_count" }}{{ .Total }} alert{{ if ne .Total 1 }}s{{ end }}{{ end }}

{{ define "email.summary.subject" -}}
[SUMMARY:{{ .Total }}] While the {{ .Away }} was down
{{- if gt .StillOn 0 }}, {{ .StillOn }} still firing{{ end }}
{{- with .CommonLabels.alertname }}: {{ . }}{{ end }}
{{- with .CommonLabels.instance }} ({{ . }}){{ end }}
{{- end }}

{{ define "__summary_head" -}}
While the {{ .Away }} was down (from {{ template "__summary_time" .From }} until {{ template "__summary_time" .Until -}}
): {{ template "__summary_count" . }}{{ if gt .StillOn 0 }}, {{ .StillOn }} still firing{{ end }}
{{- end }}

{{ define "__summary_more" -}}
And {{ .NotListed }} more
{{- with .ExternalURL }}, see {{ . }}/api/v1/alerts/history{{ end }}
{{- end }}

{{ define "email.summary.text" -}}
{{ template "__summary_head" . }}

{{ range .Listed -}}
{{ template "__one_line" .Labels.alertname }}{{ with .Labels.instance }} on {{ template "__one_line" . }}{{ end }}
{{ with .Annotations.summary }}  {{ template "__indented" . }}
{{ end }}  Began: {{ template "__summary_time" .ActiveAt }}
  Ended: {{ if eq .Status "firing" }}still firing{{ else }}{{ template "__summary_time" .EndsAt }}{{ end }} ({{ .Lasted }})
{{ if gt .Times 1 }}  Times: {{ .Times }}
{{ end }}  Worst: {{ .Worst }}
{{ if gt (len .OtherLabels) 0 }}  Labels:{{ range .OtherLabels.SortedPairs }} {{ .Name }}={{ template "__one_line" .Value }}{{ end }}
{{ end }}
{{ end }}{{ if gt .NotListed 0 }}{{ template "__summary_more" . }}
{{ end }}--
Sent by pihealth to receiver {{ .Receiver }}{{ with .ExternalURL }}, {{ . }}{{ end }}
{{ end }}

{{ define "__summary_row" }}
<tr>
<td style="${CELL}"><div style="font-weight:600">{{ .Labels.alertname }}</div>
{{ with .Labels.instance }}<div style="color:#57606a">{{ . }}</div>{{ end }}
{{ with .Annotations.summary }}<div style="margin-top:3px;color:#57606a">{{ . }}</div>{{ end }}
{{ range .OtherLabels.SortedPairs }}<span style="display:inline-block;margin:3px 4px 0 0;padding:0 7px;
border-radius:9px;background:#eef1f4;font-size:11px;color:#424a53;word-break:break-all">
{{- .Name }}={{ .Value }}</span>{{ end }}</td>
<td style="${CELL}">{{ template "__summary_cell_time" .ActiveAt }}</td>
<td style="${CELL}">
{{ if eq .Status "firing" }}<span style="color:#b42318;font-weight:600">still firing</span>
{{ else }}{{ template "__summary_cell_time" .EndsAt }}{{ end }}
<div style="color:#57606a">{{ .Lasted }}{{ if gt .Times 1 }}, {{ .Times }} times{{ end }}</div></td>
<td style="${CELL};white-space:nowrap;font-weight:600">{{ .Worst }}</td>
</tr>
{{ end }}

{{ define "email.summary.html" -}}
${mailPageStart("email.summary.subject", 760)}
<tr><td style="padding:14px 20px;background:#24466f;color:#ffffff">
<div style="font-size:16px;font-weight:600">While the {{ .Away }} was down: {{ template "__summary_count" . }}
{{- if gt .StillOn 0 }}, {{ .StillOn }} still firing{{ end }}</div>
<div style="margin-top:4px;font-size:13px">{{ template "__summary_time" .From }} until
{{ template "__summary_time" .Until }}</div></td></tr>
<tr><td style="padding:4px 10px 10px">
<table width="100%" cellpadding="0" cellspacing="0" style="font-size:13px;border-collapse:collapse">
<tr style="text-align:left;color:#57606a"><th style="padding:8px 10px">Alert</th><th style="padding:8px 10px">Began</th>
<th style="padding:8px 10px">Ended</th><th style="padding:8px 10px">Worst</th></tr>
{{ range .Listed }}{{ template "__summary_row" . }}{{ end }}
</table></td></tr>
{{ if gt .NotListed 0 }}<tr><td style="padding:12px 20px;font-size:14px;color:#57606a">
And {{ .NotListed }} more{{ with .ExternalURL }}:
<a href="{{ . }}/api/v1/alerts/history" style="color:#0969da">all of them</a>{{ end }}</td></tr>{{ end }}
${MAIL_PAGE_END}
{{ end }}
`;
