import { PihealthError } from "../../exporter/shared/model/errors.js";

/** What a target sent is beyond a limit of its scrape configuration: nothing of it is kept. */
export class ScrapeLimitError extends PihealthError {
  readonly code = "limit_exceeded";

  constructor(
    readonly limit: ScrapeLimit,
    message: string,
  ) {
    super(message);
  }
}

export type ScrapeLimit =
  | "body_size_limit"
  | "sample_limit"
  | "label_limit"
  | "label_name_length_limit"
  | "label_value_length_limit";

/** The target answered, but not with a body of samples. */
export class ScrapeAnswerError extends PihealthError {
  readonly code = "bad_answer";
}
