import { element, keepAtEnd, readable } from './element.js'

const rowsMax = 1_000
const timed = new Set(['session.started', 'input.message'])

/** The log of a session as a list that grows. Deltas that follow each other share a row: they are not stored. */
export function createEventList(list) {
  let from = 0
  let deltas

  keepAtEnd(list.parentElement)

  function take(event) {
    if (timed.has(event.type)) from = Date.parse(event.ts)
    const row = deltas?.type === event.type ? deltas : addRow(event)
    row.last = event
    row.count += 1
    if (row.count > 1) row.times.textContent = `× ${row.count}`
    if (row.details.open) show(row)
    deltas = event.type.endsWith('.delta') ? row : undefined
  }

  function addRow({ type, ts, sequence }) {
    const offset = element('span', 'offset', timeOf({ type, ts }, from))
    offset.title = ts
    const times = element('span', 'times')
    const summary = element(
      'summary',
      '',
      element('span', 'sequence', sequence === undefined ? '–' : String(sequence)),
      element('span', 'type', type, times),
      offset,
    )
    const data = element('pre', 'data')
    const details = element('details', '', summary, data)
    const item = element('li', '', details)
    item.dataset.family = familyOf(type)
    const row = { type, details, data, times, count: 0 }
    details.addEventListener('toggle', () => {
      if (details.open) show(row)
      if (details.open) item.scrollIntoView({ block: 'nearest' })
    })
    list.append(item)
    if (list.childElementCount > rowsMax) list.firstElementChild.remove()
    return row
  }

  function clear() {
    list.replaceChildren()
    deltas = undefined
  }

  return { take, clear }
}

function show({ data, last }) {
  data.textContent = readable(last.data)
}

function familyOf(type) {
  if (type.endsWith('.failed') || type.endsWith('.cancelled')) return 'broken'
  return type.slice(0, type.indexOf('.'))
}

/** The time of day of a message, and of what follows how long after. */
function timeOf({ type, ts }, from) {
  if (timed.has(type)) return new Date(ts).toLocaleTimeString()
  const ms = Date.parse(ts) - from
  if (ms < 1_000) return `+${ms} ms`
  if (ms < 60_000) return `+${(ms / 1_000).toFixed(2)} s`
  return `+${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1_000)} s`
}
