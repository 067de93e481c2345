import { messageOf } from "../../../exporter/shared/model/errors.js";
import type { Labels } from "../../../exporter/shared/model/labels.js";
import {
  createPrometheusFunctions,
  type TemplateSample,
} from "../../templates/prometheus-functions.js";
import { renderWithQueries } from "../../templates/render-with-queries.js";
import { compileTemplate, type CompiledTemplate } from "../../templates/template.js";
import type { FunctionTable } from "../../templates/template-values.js";

/** Declares the variables that Prometheus provides in labels and annotations of rules. */
const PREAMBLE =
  "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}" +
  "{{$externalURL := .ExternalURL}}{{$value := .Value}}";

export interface AlertSurroundings {
  readonly externalLabels: Labels;
  readonly externalUrl: string;
}

/** The data for the texts of one alert. */
export interface ExpansionData {
  readonly labels: Labels;
  readonly value: number;
  readonly timeMs: number;
  readonly query: (expression: string) => Promise<readonly TemplateSample[]>;
}

/** Expands labels and annotations of alerting rules. */
export class AlertExpander {
  private readonly functions: FunctionTable;
  private readonly externalLabels: ReadonlyMap<string, string>;

  constructor(private readonly surroundings: AlertSurroundings) {
    this.functions = createPrometheusFunctions(surroundings);
    this.externalLabels = new Map(surroundings.externalLabels.pairs);
  }

  /** @throws {TemplateError} */
  compile(alertName: string, text: string): CompiledTemplate {
    return compileTemplate(
      `__alert_${alertName}`,
      text.includes("{{") ? PREAMBLE + text : text,
      this.functions,
    );
  }

  /**
   * A template that fails yields its error as text, as in Prometheus, because the alert itself must
   * not be lost.
   */
  async expand(
    template: CompiledTemplate,
    { labels, value, timeMs, query }: ExpansionData,
  ): Promise<string> {
    const data = {
      Labels: new Map(labels.pairs),
      ExternalLabels: this.externalLabels,
      ExternalURL: this.surroundings.externalUrl,
      Value: value,
    };
    try {
      return await renderWithQueries(template, data, { timeMs, runQuery: query });
    } catch (error) {
      return `<error expanding template: error executing template ${template.name}: ${messageOf(error)}>`;
    }
  }
}
