/** Shows the log of a session as the items of a conversation. */
import type { ContentPart, Event, EventType } from '@outlast/contract'
import {
  approvalId,
  approvalItem,
  functionCallItem,
  messageItem,
  questionText,
  type ResponseItem,
  toolItem,
  wireCallId,
} from '@outlast/contract/folds/openai-parts'
import { invalidParam } from './errors.ts'
import { turnPlace } from './place.ts'
import type { Client } from './reading.ts'

const idWithoutPrefix = (id: string) => id.slice(id.indexOf('_') + 1)

const inputPart = (part: ContentPart) => {
  if (part.type === 'text') return { type: 'input_text', text: part.text }
  if (part.type === 'image') {
    const { url, base64, media_type } = part
    const address = url ?? `data:${media_type ?? 'image/*'};base64,${base64 ?? ''}`
    return { type: 'input_image', image_url: address, detail: 'auto' }
  }
  return { type: 'input_text', text: '[image]' }
}

const userItem = (id: string, content: readonly ContentPart[]): ResponseItem => ({
  id: `msg_${idWithoutPrefix(id)}`,
  type: 'message',
  role: 'user',
  status: 'completed',
  content: content.map(inputPart),
})

const textOf = (content: readonly ContentPart[] = []) =>
  content.map((part) => (part.type === 'text' ? part.text : '')).join('')

/** Items by their ids, in the order of the log. */
export type Transcript = {
  items: Map<string, ResponseItem>
  /** Contract: called with the events of `itemEvents`, in log order. */
  add: (event: Event) => void
}

type Building = {
  /** The place of the turn of the event. */
  place: string
  items: ReadonlyMap<string, ResponseItem>
  /** Ids of the items of calls that began, also of those that are no longer kept. */
  begun: Set<string>
  /** Ids of the replies of turns whose answer is JSON. */
  json: Set<string>
  put: (item: ResponseItem) => void
}

const outputId = (place: string, callId: string) => `fco_${place}_${callId}`

type Reader<T extends EventType> = (to: Building, event: Extract<Event, { type: T }>) => void

const readers: { [T in EventType]: Reader<T> | 'ignored' } = {
  'input.message': ({ put }, { data: { message } }) => put(userItem(message.id, message.content)),
  'session.started': 'ignored',
  'session.activated': 'ignored',
  'turn.started': 'ignored',
  'mcp.unavailable': 'ignored',
  'capability.unavailable': 'ignored',
  'reason.started': 'ignored',
  'context.compacting': 'ignored',
  'context.compacted': 'ignored',
  'output.message.started': ({ json }, { data: { message_id, expects_json } }) => {
    if (message_id !== undefined && expects_json) json.add(message_id)
  },
  'reason.thinking.started': 'ignored',
  'reason.thinking.delta': 'ignored',
  'reason.thinking.completed': 'ignored',
  'output.message.delta': 'ignored',
  'tool.input.delta': 'ignored',
  'llm.generation': 'ignored',
  'output.message.completed': ({ place, json, begun, put }, { data }) => {
    const { message, output_errors, imported } = data
    const isCalling = message.content.some(({ type }) => type === 'tool_call')
    const isRejected = output_errors || (isCalling && json.has(message.id))
    const text = textOf(message.content)
    const id = `msg_${idWithoutPrefix(message.id)}`
    if (text !== '' && !isRejected) put(messageItem(id, 'completed', text))
    for (const part of imported ? message.content : []) {
      if (part.type !== 'tool_call') continue
      put(functionCallItem(place, part))
      begun.add(outputId(place, part.id))
    }
  },
  'reason.completed': 'ignored',
  'act.started': 'ignored',
  'tool.approval_requested': ({ place, put }, { data }) => put(approvalItem(place, data.tool_call)),
  'tool.approval_resolved': ({ place, put }, { data }) => {
    const { tool_call_id, decision, reason = null } = data
    const request = approvalId(place, tool_call_id)
    const answer = { approval_request_id: request, approve: decision === 'approved', reason }
    put({ id: `mcpa_${place}_${tool_call_id}`, type: 'mcp_approval_response', ...answer })
  },
  'tool.call_requested': ({ place, begun, put }, { data: { tool_calls, input } }) => {
    for (const call of tool_calls) {
      const asked =
        input && messageItem(`msg_${place}_${call.id}`, 'completed', questionText(input))
      put(asked ?? functionCallItem(place, call))
      begun.add(outputId(place, call.id))
    }
  },
  'tool.input_resolved': 'ignored',
  'tool.started': ({ place, begun, put }, { data }) => {
    const item = toolItem(place, data.tool_call)
    if (!begun.has(item.id)) put(item)
    begun.add(item.id)
  },
  'tool.completed': ({ place, items, begun, put }, { data }) => {
    const { tool_call_id: id, success, result, error = null } = data
    const output = textOf(result ?? [])
    const toolId = `mcp_${place}_${id}`
    const tool = items.get(toolId)
    const status = success ? 'completed' : 'failed'
    if (tool) put({ ...tool, ...(success ? { output } : { error }), status })
    else if (begun.has(outputId(place, id)) && !begun.has(toolId)) {
      const about = { call_id: wireCallId(place, id), output: success ? output : String(error) }
      put({ id: outputId(place, id), type: 'function_call_output', status: 'completed', ...about })
    }
  },
  'tool.progress': 'ignored',
  'act.completed': 'ignored',
  'files.changed': 'ignored',
  'budget.warning': 'ignored',
  'budget.exhausted': 'ignored',
  'budget.paused': 'ignored',
  'budget.resumed': 'ignored',
  'turn.completed': 'ignored',
  'turn.failed': 'ignored',
  'turn.cancelled': 'ignored',
  'session.idled': 'ignored',
  'feedback.given': 'ignored',
}

/** Events that items are made of. */
export const itemEvents = (Object.keys(readers) as EventType[]).filter(
  (type) => readers[type] !== 'ignored',
)

/** `kept`: the part of an item that is kept. */
export function openTranscript(
  sessionId: string,
  kept = (item: ResponseItem): ResponseItem => item,
): Transcript {
  const items = new Map<string, ResponseItem>()
  const begun = new Set<string>()
  const json = new Set<string>()
  const turns = new Map<string, number>()
  const put = (item: ResponseItem) => void items.set(item.id, kept(item))
  return {
    items,
    add(event) {
      const { type, data, context, sequence = 0 } = event
      const message = turns.get(context.input_message_id ?? '') ?? 0
      if (type === 'input.message') turns.set(data.message.id, sequence)
      const read = readers[type] as Reader<EventType> | 'ignored' | undefined
      const place = turnPlace({ sessionId, message })
      if (typeof read === 'function') read({ place, items, begun, json, put }, event)
    },
  }
}

export type ItemRange = { limit: number; isAscending: boolean; after: string | undefined }

/** Length of the items of a page as JSON: a message can have 8 MiB. */
const lengthMax = 32 * 1024 * 1024

/** Items past the end of a page, whose calls may get their outcomes. */
const slack = 20

/**
 * Reads a page of the items of a session, and keeps no more than that in memory. A page of long
 * items is shorter. Contract: throws 400 if `after` is unknown.
 */
export async function readItems(
  { read }: Client,
  sessionId: string,
  { limit, isAscending, after }: ItemRange,
) {
  const { items, add } = openTranscript(sessionId)
  const page = openPage(items)
  const kept = limit + slack
  let isReached = after === undefined
  let isMore = false
  await read(sessionId, { after: 0, types: itemEvents }, (event, length) => {
    add(event)
    page.count(length)
    if (after !== undefined && !isReached && items.has(after)) {
      isReached = true
      if (isAscending) page.dropUntil(({ id }) => id === after)
    }
    if (after !== undefined && !isAscending && isReached) {
      return !isRunning(items) || items.size > kept + slack || page.isLong()
    }
    if (isAscending && isReached) {
      isMore = page.isLong()
      return isMore || items.size > kept
    }
    while (items.size > kept || page.isLong()) {
      page.dropFirst()
      isMore = true
    }
    return false
  })
  if (!isReached) throw unknownItem()
  if (after !== undefined && !isAscending) dropFrom(items, after)
  const all = isAscending ? [...items.values()] : [...items.values()].toReversed()
  return itemPage(all, { limit, isMore })
}

const isRunning = (items: ReadonlyMap<string, ResponseItem>) =>
  [...items.values()].some(({ status }) => status === 'in_progress')

/** The items of a page with their lengths: an item has that of the events since the one before. */
function openPage(items: Map<string, ResponseItem>) {
  const lengths = new Map<string, number>()
  let total = 0
  let last: string | undefined
  const dropFirst = () => {
    const [id = ''] = items.keys()
    items.delete(id)
    total -= lengths.get(id) ?? 0
    lengths.delete(id)
  }
  return {
    dropFirst,
    count(length: number) {
      last = [...items.keys()].at(-1) ?? last
      if (last === undefined) return
      lengths.set(last, (lengths.get(last) ?? 0) + length)
      total += length
    },
    isLong: () => items.size > 1 && total > lengthMax,
    dropUntil(isLast: (item: ResponseItem) => boolean) {
      for (const item of [...items.values()]) {
        dropFirst()
        if (isLast(item)) return
      }
    },
  }
}

function dropFrom(items: Map<string, ResponseItem>, first: string): void {
  const ids = [...items.keys()]
  for (const id of ids.slice(ids.indexOf(first))) items.delete(id)
}

const unknownItem = () => invalidParam('after', 'is not the id of an item of this list')

/** The items after one: all if it is undefined. Contract: throws 400 if it is unknown. */
export function itemsAfter(items: readonly ResponseItem[], after: string | undefined) {
  if (after === undefined) return items
  const index = items.findIndex(({ id }) => id === after)
  if (index < 0) throw unknownItem()
  return items.slice(index + 1)
}

/** A page of items, as lists of OpenAI are. */
export function itemPage(
  items: readonly ResponseItem[],
  { limit, isMore = false }: { limit: number; isMore?: boolean },
) {
  const data = items.slice(0, limit)
  return {
    object: 'list',
    data,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: isMore || data.length < items.length,
  }
}
