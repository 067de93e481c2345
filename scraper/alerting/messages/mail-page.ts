/** Where the HTML of every mail begins, up to the rows of its card. `subject` names the template of its title. */
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
