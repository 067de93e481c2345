import { PihealthError } from "../../exporter/shared/model/errors.js";

/** A body exceeds a limit of the scrape configuration. No sample of the body is stored. */
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

/** A body has more samples than are allowed. Reading ended after `samples`. */
export class TooManySamplesError extends PihealthError {
  readonly code = "limit_exceeded";

  constructor(readonly samples: number) {
    super(`more than ${samples - 1} samples`);
  }
}

/** The target responded, but not with a body of samples. */
export class ScrapeAnswerError extends PihealthError {
  readonly code = "bad_answer";
}
