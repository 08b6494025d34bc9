import type { Event } from '@outlast/sdk'

const lengthMax = 160
const itemsMax = 3

/** Ids and kinds say little, and the messages of a prompt are long. */
const isSkipped = (name: string) =>
  /^(id|type|role|messages|tools|system_prompt)$|_(id|ids|at)$/.test(name)

/** Returns a one-line summary of the data of an event: its texts, and its numbers with names. */
export function gistOfEvent({ data }: Pick<Event, 'data'>): string {
  let gist = ''
  for (const text of textsIn('', data)) {
    if (text === '') continue
    gist = gist === '' ? text : `${gist} · ${text}`
    if (gist.length >= lengthMax) break
  }
  return gist.slice(0, lengthMax)
}

function* textsIn(name: string, value: unknown): Generator<string> {
  if (value === null || value === undefined) return
  if (typeof value === 'string') yield value.slice(0, lengthMax).replace(/\s+/g, ' ').trim()
  else if (typeof value !== 'object') yield `${name} ${value}`
  else if (Array.isArray(value)) {
    for (const one of value.slice(0, itemsMax)) yield* textsIn(name, one)
  } else {
    for (const [field, inner] of Object.entries(value)) {
      if (!isSkipped(field)) yield* textsIn(field, inner)
    }
  }
}
