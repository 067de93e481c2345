import { SeriesContexts } from "../scrape/series-context.js";
import { ClosedGaps } from "./closed-gaps.js";
import { HistoryError, type TimedHistoryList } from "./history-client.js";
import { type FillerParts, type FillOrder, HistoryFill } from "./history-fill.js";

/**
 * Fills the gaps of an exporter's targets from its history, and closes the gaps that the history
 * cannot fill as lost.
 */
export class EndpointFiller {
  private readonly contexts = new SeriesContexts();

  constructor(private readonly parts: FillerParts) {}

  /**
   * @throws {HistoryError | HttpError | BadInputError} when the exporter did not answer well; what
   * came is kept
   */
  async fill(order: FillOrder): Promise<void> {
    const { client, counters, log, saveGaps } = this.parts;
    const [first] = order.targets;
    if (first === undefined) return;
    const list = await client.list(first.target, order.signal);
    checkNodeId(order, list);
    const closed = new ClosedGaps(counters, log);
    try {
      closeGapsOfOtherNode(order, closed);
      order.boots.learn(list, list.ourWallMs, list);
      // A repetition after a crash must place samples by the same clock.
      await saveGaps(first.target.host);
      const { contexts } = this;
      await new HistoryFill({ ...this.parts, order, list, contexts, closed }, first).run();
    } finally {
      closed.report();
    }
  }
}

function checkNodeId({ targets, nodeId }: FillOrder, list: TimedHistoryList): void {
  if (list.nodeId === nodeId) return;
  const detail = `node id is ${list.nodeId}, it must be ${nodeId} as in its heartbeats`;
  throw new HistoryError("refused", `Cannot use history of "${targets[0]?.target.url}": ${detail}`);
}

/**
 * The samples that another Pi at this address has not delivered are not in the history of this one.
 */
function closeGapsOfOtherNode({ targets, nodeId }: FillOrder, closed: ClosedGaps): void {
  for (const watched of targets) {
    const { gaps } = watched;
    if (gaps.nodeId !== undefined && gaps.nodeId !== nodeId) {
      closed.add(watched, gaps.close(gaps.missing, "lost", "node_off"));
    }
    gaps.nodeId = nodeId;
  }
}
