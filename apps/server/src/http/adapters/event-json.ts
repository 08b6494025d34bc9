import type { WireEvent } from '../../store/log/events.ts'
import type { EventView } from '../security/token-view.ts'

const batchLengthMax = 1024 * 1024

/** Returns the JSON of events as a caller sees them, in batches of at most 1 MiB and one event. */
export async function* jsonBatches(
  events: AsyncIterable<WireEvent>,
  view: EventView = (event) => event,
): AsyncGenerator<string[]> {
  let batch: string[] = []
  let length = 0
  for await (const event of events) {
    const shown = view(event)
    if (!shown) continue
    batch.push(shown.json)
    length += shown.json.length
    if (length < batchLengthMax) continue
    yield batch
    batch = []
    length = 0
  }
  yield batch
}
