import { element, readable } from './element.js'

/**
 * The tool calls of a conversation, a card each; `add` puts one where it belongs. `on` takes their events. `decide` is called
 * when the person at this page has allowed or denied a call, and rejects when that did not arrive.
 */
export function createCalls(add, decide) {
  const calls = new Map()

  const on = {
    'tool.approval_requested': ({ tool_call: call }) => ask(call),
    'tool.approval_resolved': resolve,
    'tool.call_requested': ({ tool_calls }) => {
      for (const call of tool_calls) show(call, 'requested')
    },
    'tool.started': ({ tool_call: call }) => show(call, 'running'),
    'tool.completed': end,
  }

  /** The card of a call, at its next stage. */
  function show({ id, name, arguments: input }, status) {
    const card = calls.get(id) ?? cardOf(name)
    calls.set(id, card)
    if (!card.root.isConnected) add(card.root)
    card.input.textContent = readable(input)
    card.input.hidden = false
    setStage(card, status)
    return card
  }

  function ask(call) {
    const card = show(call, 'asked')
    stopAsking(card)
    card.asking = asking(call.name, (decision) => decide(call.id, decision))
    card.root.append(card.asking)
  }

  /** Of an approved call more is heard; every other one has its outcome next. */
  function resolve({ tool_call_id: id, decision, arguments: edited }) {
    const card = calls.get(id)
    if (!card) return
    stopAsking(card)
    setStage(card, decision)
    if (edited) card.input.textContent = readable(edited)
  }

  function end({ tool_call_id: id, tool_name: name, ...outcome }) {
    const card = calls.get(id) ?? cardOf(name)
    const { root, state, result } = card
    if (!root.isConnected) add(root)
    stopAsking(card)
    const isDenied = root.dataset.status === 'denied'
    root.dataset.status = isDenied ? 'denied' : outcome.status
    state.textContent = isDenied ? stateWords.denied : stateOf(outcome)
    result.textContent = outcome.error ?? resultOf(outcome.result ?? [])
    result.hidden = result.textContent === ''
  }

  /** Whatever has no outcome by now never will. */
  function clear() {
    for (const card of calls.values()) stopAsking(card)
    calls.clear()
  }

  function waitsFor() {
    const stages = [...calls.values()].map(({ root }) => root.dataset.status)
    if (stages.includes('asked')) return 'person'
    return stages.includes('requested') ? 'client' : undefined
  }

  return { on, clear, waitsFor }
}

function cardOf(name) {
  const state = element('span', 'state', '')
  const head = element('header', '', element('span', 'tool', name), state)
  const input = element('pre', 'data')
  const result = element('pre', 'data result')
  input.hidden = true
  result.hidden = true
  const label = element('span', 'unseen', 'Tool call: ')
  const root = element('article', 'card', label, head, input, result)
  return { root, state, input, result, asking: undefined }
}

function setStage({ root, state }, status) {
  root.dataset.status = status
  state.textContent = stateWords[status]
}

/** Whoever was at one of the buttons stays at the card. */
function stopAsking(card) {
  const { root, asking } = card
  if (!asking) return
  if (asking.contains(document.activeElement)) {
    root.tabIndex = -1
    root.focus({ preventScroll: true })
  }
  asking.remove()
  card.asking = undefined
}

const stateWords = {
  asked: 'may it run?',
  approved: 'allowed',
  denied: 'denied',
  expired: 'nobody decided',
  requested: 'waits for its client',
  running: 'running…',
  success: 'done',
  error: 'failed',
  timeout: 'timed out',
  cancelled: 'cancelled',
}

function stateOf({ status, duration_ms: ms }) {
  const word = stateWords[status] ?? status
  if (ms === undefined) return word
  return `${word} in ${ms < 1 ? 'under 1' : ms} ms`
}

/** Two buttons, which are tried again when the decision did not arrive. */
function asking(name, decide) {
  const buttons = [
    ['approve', 'Allow', ''],
    ['deny', 'Deny', 'quiet'],
  ].map(([decision, word, className]) => {
    const button = element('button', className, word)
    button.type = 'button'
    button.addEventListener('click', () => choose(decision))
    return button
  })
  const enable = (isEnabled) => {
    for (const button of buttons) button.disabled = !isEnabled
  }
  const choose = (decision) => {
    enable(false)
    decide(decision).catch(() => enable(true))
  }
  const group = element('div', 'asking', ...buttons)
  group.setAttribute('role', 'group')
  group.setAttribute('aria-label', `May ${name} run?`)
  return group
}

/** What a tool said; JSON that it said as text is laid out. */
function resultOf(content) {
  return content
    .map((part) => {
      if (part.type !== 'text') return readable(part)
      try {
        return readable(JSON.parse(part.text))
      } catch {
        return part.text
      }
    })
    .join('\n')
}
