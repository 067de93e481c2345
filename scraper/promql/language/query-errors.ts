import { PihealthError } from "../../../exporter/shared/model/errors.js";

/** The expression does not parse or does not type-check; Prometheus' message, position first. HTTP 400 bad_data. */
export class QueryParseError extends PihealthError {
  readonly code = "bad_data";
}

/** The expression cannot be evaluated over the data there are (many-to-many matching, too many samples). HTTP 422. */
export class QueryExecutionError extends PihealthError {
  readonly code = "execution";
}

/** HTTP 503, type timeout. */
export class QueryTimeoutError extends PihealthError {
  readonly code = "timeout";
}

/** Stopped by its caller. HTTP 503, type canceled. */
export class QueryCanceledError extends PihealthError {
  readonly code = "canceled";
}
