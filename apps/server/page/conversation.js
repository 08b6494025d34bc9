import { createCalls } from './calls.js'
import { element, keepAtEnd } from './element.js'

const entriesMax = 500

/**
 * A session's events as a conversation. `take` every event in order; `clear` to begin with another session; `waitsFor`
 * says what the agent waits for: `person`, `client` or nothing. `decide(callId, decision)` is called when the person at
 * this page has decided, and rejects when that did not arrive.
 */
export function createConversation(box, decide) {
  const messages = new Map()
  const calls = createCalls(add, decide)
  /** The reply that is being written. */
  let open

  keepAtEnd(box)

  const on = {
    'input.message': ({ message }) => add(messageOf('user', 'You', textOf(message.content)).root),
    'context.compacting': () => add(element('p', 'meta', 'The conversation is being summed up.')),
    'context.compacted': (data) => add(element('p', 'meta', compactionOf(data))),
    'output.message.started': begin,
    'reason.thinking.delta': ({ delta }) => think(open, delta),
    'output.message.delta': ({ delta }) => open?.text.append(delta),
    'output.message.completed': complete,
    ...calls.on,
    'files.changed': ({ changes }) => add(element('p', 'meta', filesOf(changes))),
    'turn.completed': (data) => add(element('p', 'meta', summaryOf(data))),
    'turn.cancelled': () => add(element('p', 'meta', 'Cancelled. What was said so far is kept.')),
    'turn.failed': fail,
    'session.idled': () => settle(),
  }

  function add(entry) {
    box.append(entry)
    if (box.childElementCount > entriesMax) box.firstElementChild.remove()
    return entry
  }

  /** A reply begins, or begins again: then what came of the earlier attempt does not count. */
  function begin({ message_id: id, attempt = 1 }) {
    if (attempt > 1) {
      messages.get(id)?.root.remove()
      add(element('p', 'meta', `The reply broke off and is asked for again (attempt ${attempt}).`))
    }
    open = messageOf('agent', 'Agent', '')
    open.root.setAttribute('aria-busy', 'true')
    messages.set(id, open)
    add(open.root)
  }

  function complete({ message }) {
    const reply = messages.get(message.id) ?? messageOf('agent', 'Agent', '')
    if (!reply.root.isConnected) add(reply.root)
    reply.text.textContent = textOf(message.content)
    if (message.thinking) {
      reply.thought.textContent = ''
      think(reply, message.thinking)
    }
    messages.delete(message.id)
    finish(reply)
  }

  /** Nothing more comes into a reply; one that has only called tools is not shown. */
  function finish({ root, text, thought }) {
    root.removeAttribute('aria-busy')
    if (text.textContent === '' && thought.textContent === '') root.remove()
    open = undefined
  }

  /** Without a reply the reason stands there as one. */
  function fail({ error }) {
    const isSaid = box.lastElementChild?.querySelector(':scope > .text')?.textContent === error
    add(element('p', 'problem', isSaid ? 'The turn failed.' : `The turn failed: ${error}`))
  }

  /** The session waits: whatever had begun and did not complete never will. */
  function settle() {
    for (const reply of messages.values()) finish(reply)
    messages.clear()
    calls.clear()
  }

  function clear() {
    box.replaceChildren()
    messages.clear()
    calls.clear()
    open = undefined
  }

  return { take: ({ type, data }) => on[type]?.(data), clear, waitsFor: calls.waitsFor }
}

function messageOf(role, author, said) {
  const text = element('p', 'text', said)
  const thought = element('p', 'text')
  const thinking = element('details', 'thinking', element('summary', '', 'Thinking'), thought)
  thinking.hidden = true
  const label = element('span', 'unseen', `${author}: `)
  const root = element('article', `message ${role}`, label, thinking, text)
  return { root, text, thinking, thought }
}

function think(reply, delta) {
  if (!reply) return
  reply.thinking.hidden = false
  reply.thought.append(delta)
}

const textOf = (content) =>
  content.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('\n')

const shownMax = 3

/** In one line: what became of the first few files, and how many more there are. */
function filesOf(changes) {
  const shown = changes.slice(0, shownMax).map(({ change, path }) => `${change} ${path}`)
  const more = changes.length - shown.length
  return `Files: ${shown.join(', ')}${more > 0 ? `, and ${more} more` : ''}.`
}

function compactionOf({ summary, input_tokens_before: before, input_tokens_after: after }) {
  const what =
    summary === undefined ? 'Old tool results are shortened' : 'A summary stands for the beginning'
  return `${what}, for the model alone: about ${before} tokens before, ${after} now. The log keeps all of it.`
}

function summaryOf({ iterations, duration_ms: ms, usage }) {
  const parts = [iterations === 1 ? '1 model call' : `${iterations} model calls`]
  if (usage) parts.push(`${usage.input_tokens + usage.output_tokens} tokens`)
  if (usage?.cost_usd !== undefined) parts.push(dollarsOf(usage.cost_usd))
  if (ms !== undefined) parts.push(ms < 1_000 ? `${ms} ms` : `${(ms / 1_000).toFixed(1)} s`)
  return parts.join(' · ')
}

const dollarsOf = (dollars) => `$${dollars < 0.01 ? dollars.toPrecision(2) : dollars.toFixed(2)}`
