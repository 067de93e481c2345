import type { Labels } from "../../exporter/shared/model/labels.js";
import type { ScrapeSettings } from "../fleet/target.js";
import { ScrapeLimitError } from "./scrape-errors.js";

const SHOWN_CHARACTERS = 50;

type LabelLimits = Pick<
  ScrapeSettings,
  "labelLimit" | "labelNameLengthLimit" | "labelValueLengthLimit"
>;

/**
 * @param labels of the stored series, with target labels and metric name
 * @throws {ScrapeLimitError} with the message of Prometheus, which people search for
 */
export function checkLabelLimits(labels: Labels, limits: LabelLimits): void {
  const metric = shorten(labels.name);
  const { labelLimit, labelNameLengthLimit, labelValueLengthLimit } = limits;
  if (labelLimit > 0 && labels.pairs.length > labelLimit) {
    const counts = `number of labels: ${labels.pairs.length}, limit: ${labelLimit}`;
    throw new ScrapeLimitError(
      "label_limit",
      `label_limit exceeded (metric: ${metric}, ${counts})`,
    );
  }
  for (const [name, value] of labels.pairs) {
    const place = `metric: ${metric}, label name: ${shorten(name)}`;
    const nameBytes = Buffer.byteLength(name);
    if (labelNameLengthLimit > 0 && nameBytes > labelNameLengthLimit) {
      const detail = `${place}, length: ${nameBytes}, limit: ${labelNameLengthLimit}`;
      throw new ScrapeLimitError(
        "label_name_length_limit",
        `label_name_length_limit exceeded (${detail})`,
      );
    }
    const valueBytes = Buffer.byteLength(value);
    if (labelValueLengthLimit > 0 && valueBytes > labelValueLengthLimit) {
      const shown = JSON.stringify(shorten(value));
      const detail = `${place}, value: ${shown}, length: ${valueBytes}, limit: ${labelValueLengthLimit}`;
      throw new ScrapeLimitError(
        "label_value_length_limit",
        `label_value_length_limit exceeded (${detail})`,
      );
    }
  }
}

const shorten = (text: string): string => [...text].slice(0, SHOWN_CHARACTERS).join("");
