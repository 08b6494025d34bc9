import type { SessionEvidence } from '../evidence.ts'
import { isHooked } from '../load/webhooks.ts'

/** Each end of a turn was accepted at least once, under the id of its event; nothing else was. */
export function wrongWebhooks({ logs, hooked }: SessionEvidence): string[] {
  const ends = new Map(logs[0]?.events.filter(isHooked).map(({ id, type }) => [id, type]))
  const accepted = new Set(hooked.filter((one) => one.accepted).map(({ id }) => id))
  const missing = [...ends].filter(([id]) => !accepted.has(id))
  const stray = hooked.filter(({ header, id, type }) => header !== id || ends.get(id) !== type)
  return [
    ...missing.map(([id, type]) => `${type} ${id} was never delivered`),
    ...stray.map(({ header, type }) => `${type} ${header} was delivered, which is not in the log`),
  ]
}
