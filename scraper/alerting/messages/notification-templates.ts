import path from "node:path";
import { BadInputError, messageOf } from "../../../exporter/shared/model/errors.js";
import type { Files } from "../../../exporter/shared/platform/files.js";
import { matchingFiles } from "../../base/file-pattern.js";
import { createAlertmanagerFunctions } from "../../templates/alertmanager-functions.js";
import {
  compileDefinitions,
  compileTemplate,
  type CompiledTemplate,
  type TemplateDefinitions,
  type TemplateSource,
} from "../../templates/template.js";
import type { FunctionTable } from "../../templates/template-values.js";
import { DEFAULT_TEMPLATES } from "./default-templates.js";
import type { EmailIntegration, NotificationConfig } from "../config/notification-config.js";
import { SUMMARY_TEMPLATES } from "./summary-templates.js";

/** The compiled templates of one email_config. */
export interface EmailTemplates {
  readonly to: CompiledTemplate;
  readonly from: CompiledTemplate;
  readonly subject: CompiledTemplate;
  readonly text: CompiledTemplate | undefined;
  readonly html: CompiledTemplate | undefined;
  readonly headers: readonly { readonly name: string; readonly value: CompiledTemplate }[];
}

export const MAX_TEMPLATE_FILES = 100;
export const MAX_TEMPLATE_FILE_BYTES = 1_048_576;
const DEFAULT_SUBJECT = '{{ template "email.default.subject" . }}';
/** Header fields for which email_config has keys of their own. */
const PLACED_HEADERS = new Set(["subject", "from", "to"]);

/** The compiled templates of a configuration. */
export class NotificationTemplates {
  private constructor(
    private readonly byIntegration: ReadonlyMap<EmailIntegration, EmailTemplates>,
    private readonly standard: (integration: EmailIntegration) => EmailTemplates,
    /** With the definitions of the template files, or without. */
    private readonly summary: (
      integration: EmailIntegration,
      isStandard: boolean,
    ) => EmailTemplates,
  ) {}

  /**
   * Reads the template files and compiles what the receivers use.
   *
   * @throws {BadInputError} when a file cannot be read or a template does not compile
   */
  static async load(
    config: NotificationConfig,
    files: Files,
    wallMs: () => number,
  ): Promise<NotificationTemplates> {
    const functions = createAlertmanagerFunctions({ wallMs });
    const standardSource = {
      name: "default templates",
      text: DEFAULT_TEMPLATES + SUMMARY_TEMPLATES,
    };
    const sources = [standardSource, ...(await readTemplateFiles(config.templateFiles, files))];
    try {
      const definitions = compileDefinitions(sources, functions);
      const standard = compileDefinitions([standardSource], functions);
      const compiled = new Map<EmailIntegration, EmailTemplates>();
      for (const { name, integrations } of config.receivers.values()) {
        for (const integration of integrations) {
          if (integration.kind !== "email") continue;
          compiled.set(integration, compileEmail(name, integration, functions, definitions));
        }
      }
      const summaryOf = (email: EmailIntegration, isStandard: boolean): EmailTemplates =>
        compileSummary(email, functions, isStandard ? standard : definitions);
      return new NotificationTemplates(
        compiled,
        (email) => compileStandard(email, functions, standard),
        summaryOf,
      );
    } catch (error) {
      throw new BadInputError(`Cannot load notification templates: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }

  /**
   * @throws {BadInputError} when the integration belongs to another configuration
   */
  of(integration: EmailIntegration): EmailTemplates {
    const templates = this.byIntegration.get(integration);
    if (templates !== undefined) return templates;
    throw new BadInputError("Cannot render mail: the receiver is of another configuration");
  }

  /** The default mail to the same addresses, used when the receiver's own templates fail. */
  standardFor(integration: EmailIntegration): EmailTemplates {
    return this.standard(integration);
  }

  /**
   * The mail about an outage, to the same addresses.
   *
   * @param isStandard true: without the definitions of the template files
   * @throws {TemplateError} when a definition of the template files does not compile here
   */
  summaryFor(integration: EmailIntegration, isStandard: boolean): EmailTemplates {
    return this.summary(integration, isStandard);
  }
}

function compileEmail(
  receiver: string,
  integration: EmailIntegration,
  functions: FunctionTable,
  definitions: TemplateDefinitions,
): EmailTemplates {
  const compile = (field: string, text: string): CompiledTemplate =>
    compileTemplate(`receiver ${receiver}, ${field}`, text, functions, { definitions });
  const header = (wanted: string): string | undefined =>
    Object.entries(integration.headers).find(([name]) => name.toLowerCase() === wanted)?.[1];
  const others = Object.entries(integration.headers).filter(
    ([name]) => !PLACED_HEADERS.has(name.toLowerCase()),
  );
  const htmlOptions = { definitions, escape: "html" } as const;
  return {
    to: compile("to", header("to") ?? integration.to),
    from: compile("from", header("from") ?? integration.from),
    subject: compile("subject", header("subject") ?? DEFAULT_SUBJECT),
    text: integration.text === "" ? undefined : compile("text", integration.text),
    html:
      integration.html === ""
        ? undefined
        : compileTemplate(`receiver ${receiver}, html`, integration.html, functions, htmlOptions),
    headers: others.map(([name, value]) => ({ name, value: compile(`header ${name}`, value) })),
  };
}

function compileSummary(
  { to, from, text, html, headers }: EmailIntegration,
  functions: FunctionTable,
  definitions: TemplateDefinitions,
): EmailTemplates {
  const compile = (part: string): CompiledTemplate => {
    const options = { definitions, ...(part === "html" ? { escape: "html" as const } : {}) };
    return compileTemplate(part, `{{ template "email.summary.${part}" . }}`, functions, options);
  };
  const address = (field: string, fallback: string): CompiledTemplate => {
    const header = Object.entries(headers).find(([name]) => name.toLowerCase() === field)?.[1];
    return compileTemplate(field, header ?? fallback, functions, { definitions });
  };
  return {
    to: address("to", to),
    from: address("from", from),
    subject: compile("subject"),
    // A receiver that switches off a part of its mails gets no such part here, either.
    text: text === "" ? undefined : compile("text"),
    html: html === "" ? undefined : compile("html"),
    headers: [],
  };
}

function compileStandard(
  { to, from }: EmailIntegration,
  functions: FunctionTable,
  definitions: TemplateDefinitions,
): EmailTemplates {
  const compile = (name: string, text: string): CompiledTemplate =>
    compileTemplate(name, text, functions, { definitions });
  return {
    to: compile("to", to),
    from: compile("from", from),
    subject: compile("subject", DEFAULT_SUBJECT),
    text: compile("text", '{{ template "email.default.text" . }}'),
    html: undefined,
    headers: [],
  };
}

async function readTemplateFiles(
  patterns: readonly string[],
  files: Files,
): Promise<TemplateSource[]> {
  const names = [
    ...new Set(
      (await Promise.all(patterns.map((pattern) => matchingFiles(pattern, files)))).flat(),
    ),
  ];
  if (names.length > MAX_TEMPLATE_FILES) {
    const detail = `there are ${names.length} files, at most ${MAX_TEMPLATE_FILES} may be`;
    throw new BadInputError(`Cannot load templates: ${detail}`);
  }
  return Promise.all(names.map((name) => readTemplateFile(name, files)));
}

async function readTemplateFile(name: string, files: Files): Promise<TemplateSource> {
  const facts = await files.facts(name);
  if (facts === undefined)
    throw new BadInputError(`Cannot load template "${name}": there is no such file`);
  if (facts.sizeBytes > MAX_TEMPLATE_FILE_BYTES) {
    throw new BadInputError(
      `Cannot load template "${name}": it is larger than ${MAX_TEMPLATE_FILE_BYTES} bytes`,
    );
  }
  return { name: path.basename(name), text: await files.readText(name) };
}
