import { createConversation } from './conversation.js'
import { createEventList } from './event-list.js'
import { call, findPerson, signOut } from './login.js'
import { follow } from './stream.js'

const healthMs = 10_000
const noticeMs = 700
const backAgainMs = 2_500
const simulatedPrefix = 'llmsim'
const sentences = {
  good: '',
  breaking: '',
  lost: 'Reconnecting… The conversation goes on where it was.',
  back: 'Connected again.',
  running: 'The agent is at work…',
  person: 'The agent waits until you allow or deny what it wants to do.',
  client: 'The agent waits for a program that runs one of its tools.',
}

const at = (id) => document.getElementById(id)
const [form, field, send, cancel, fresh] = ['composer', 'text', 'send', 'cancel', 'fresh'].map(at)
const [agentChoice, modelChoice] = ['agent', 'model'].map(at)

const conversation = createConversation(at('conversation'), decide)
const events = createEventList(at('events'))

let sessionId
let stream
let models = []
let agents = []
/** A turn is under way. */
let running = false
/** `good`, `breaking` (perhaps only for a moment), `lost`, or for a while `back`. */
let connection = 'good'
let connectionTimer
/** What the page complains of is over when the server is back. */
let isOutage = false

form.addEventListener('submit', (submitted) => {
  submitted.preventDefault()
  void sendText()
})
field.addEventListener('keydown', (key) => {
  if (key.key !== 'Enter' || key.shiftKey || key.isComposing) return
  key.preventDefault()
  form.requestSubmit()
})
field.addEventListener('input', () => complain(''))
cancel.addEventListener('click', cancelTurn)
fresh.addEventListener('click', () => startAnew())
agentChoice.addEventListener('change', () => startAnew())
modelChoice.addEventListener('change', () => showModel(chosenModelName()))
at('sign-out').addEventListener('click', () => signOut().catch(complainOf))
addEventListener('hashchange', () => openFromAddress())
setInterval(() => document.hidden || showHealth(), healthMs)

void showHealth()
void showPerson()
await loadChoices()
await openFromAddress()

async function sendText() {
  const text = field.value.trim()
  if (text === '') return complain('Write something first.')
  if (send.disabled) return
  complain('')
  send.disabled = true
  try {
    const id = sessionId ?? (await createSession())
    await call('POST', `/v1/sessions/${id}/messages`, {
      message: { content: [{ type: 'text', text }] },
      ...(modelChoice.value && { controls: { model_id: modelChoice.value } }),
    })
    if (field.value.trim() === text) field.value = ''
  } catch (problem) {
    complainOf(problem)
  }
  send.disabled = false
  field.focus()
}

async function createSession() {
  if (agents.length === 0) await loadChoices()
  const { id } = await call('POST', '/v1/sessions', { agent_id: agentChoice.value })
  show(id)
  location.hash = id
  return id
}

/** Contract: rejects when the decision did not arrive; the page says why. */
async function decide(callId, decision) {
  complain('')
  try {
    const path = `/v1/sessions/${sessionId}/approvals/${encodeURIComponent(callId)}`
    await call('POST', path, { decision })
  } catch (problem) {
    complainOf(problem)
    throw problem
  }
}

async function cancelTurn() {
  cancel.disabled = true
  try {
    await call('POST', `/v1/sessions/${sessionId}/cancel`)
  } catch (problem) {
    complainOf(problem)
  }
  cancel.disabled = false
}

/** The next message begins another conversation; this one stays where it is, a step back in the history. */
function startAnew() {
  if (location.hash !== '') location.hash = ''
  if (field.value.trim() === '') field.value = field.defaultValue
  field.focus()
}

/** The session that the address names, so that a reload, a bookmark and the back button find it again. */
async function openFromAddress() {
  const id = location.hash.slice(1)
  if (id === (sessionId ?? '')) return
  show(undefined)
  complain('')
  if (id === '') return
  try {
    const session = await call('GET', `/v1/sessions/${encodeURIComponent(id)}`)
    chooseAgent(session.agent_id)
    show(session.id)
    if (field.value === field.defaultValue) field.value = ''
  } catch (problem) {
    forget(problem.message)
  }
}

/** Shows a session from its beginning on, or an empty page. */
function show(id) {
  stream?.close()
  stream = undefined
  sessionId = id
  clear()
  setConnection('good')
  fresh.hidden = id === undefined
  const raw = at('raw')
  raw.hidden = id === undefined
  raw.href = `/v1/sessions/${id}/events`
  if (id === undefined) return
  stream = follow(id, { event: take, open: connected, lost: lose, gone: forget, restart: clear })
}

function clear() {
  conversation.clear()
  events.clear()
  run(false)
}

function forget(sentence) {
  show(undefined)
  history.replaceState(null, '', location.pathname)
  complain(`${sentence.replace(/\.?$/, '.')} Your next message starts a new conversation.`)
}

function take(event) {
  events.take(event)
  conversation.take(event)
  if (event.type === 'session.activated') run(true)
  if (event.type === 'session.idled') run(false)
  if (running) showStatus()
  if (event.type === 'reason.started') showModel(event.data.metadata?.model)
}

function run(isRunning) {
  running = isRunning
  cancel.hidden = !running
  showStatus()
}

function lose() {
  void showHealth()
  if (connection === 'lost' || connection === 'breaking') return
  setConnection('breaking')
  connectionTimer = setTimeout(() => setConnection('lost'), noticeMs)
}

function connected() {
  if (connection !== 'good') void showHealth()
  if (isOutage) complain('')
  if (connection !== 'lost') return setConnection('good')
  setConnection('back')
  connectionTimer = setTimeout(() => setConnection('good'), backAgainMs)
}

function setConnection(state) {
  clearTimeout(connectionTimer)
  connection = state
  showStatus()
}

function showStatus() {
  const atWork = conversation.waitsFor() ?? 'running'
  const state = running && connection !== 'lost' ? atWork : connection
  const status = at('status')
  if (status.dataset.state === state) return
  status.dataset.state = state
  status.textContent = sentences[state]
}

function complainOf({ message, status }) {
  complain(message)
  isOutage = status === 0 || status === 503
}

function complain(sentence) {
  isOutage = false
  const problem = at('problem')
  problem.textContent = sentence
  problem.hidden = sentence === ''
}

async function showHealth() {
  const health = at('health')
  try {
    const { status, version, database } = await call('GET', '/health')
    health.dataset.state = status
    health.textContent = `Running · version ${version} · database ${database}`
  } catch {
    health.dataset.state = 'gone'
    health.textContent = 'The server cannot be reached'
  }
}

/** Who is signed in, where anybody has to be. */
async function showPerson() {
  // Without an answer there are other complaints.
  const person = await findPerson().catch(() => undefined)
  at('who').hidden = person === undefined
  at('person').textContent = person?.name || person?.email
  at('person').title = person?.email ?? ''
}

async function loadChoices() {
  try {
    const [agentPage, modelPage, providerPage] = await Promise.all(
      ['/v1/agents', '/v1/llm-models', '/v1/llm-providers'].map((path) => call('GET', path)),
    )
    agents = agentPage.data.filter(({ status }) => status === 'active')
    models = usable(modelPage.data, providerPage.data)
  } catch (problem) {
    return complainOf(problem)
  }
  agentChoice.replaceChildren(...agents.map(({ name, id }) => new Option(name, id)))
  if (agents.length === 0) complain('There is no agent yet: create one with POST /v1/agents.')
  modelChoice.replaceChildren(
    new Option("The agent's own", ''),
    ...models.map(({ display_name, id }) => new Option(display_name, id)),
  )
  chooseModel()
}

/** Models that can answer now. */
function usable(all, providers) {
  const ready = new Set(
    providers
      .filter(({ status }) => status === 'active')
      .filter((p) => p.api_key_set || p.base_url || p.provider_type === simulatedPrefix)
      .map(({ id }) => id),
  )
  return all.filter((model) => {
    return model.status === 'active' && (model.is_default || ready.has(model.provider_id))
  })
}

/** A simulated model answers at once; who looks on would rather see it write. */
function chooseModel() {
  if (chosenModelName()?.startsWith(simulatedPrefix)) {
    const paced = models.find(({ model_id }) => model_id === `${simulatedPrefix}-latency`)
    modelChoice.value = paced?.id ?? ''
  }
  showModel(chosenModelName())
}

function chosenModelName() {
  const agent = agents.find(({ id }) => id === agentChoice.value)
  const wanted = modelChoice.value || agent?.default_model_id
  const model = models.find(({ id }) => id === wanted) ?? models.find((one) => one.is_default)
  return model?.model_id
}

function showModel(name) {
  if (name) at('simulated').hidden = !name.startsWith(simulatedPrefix)
}

function chooseAgent(id) {
  if (!agents.some((agent) => agent.id === id)) agentChoice.append(new Option('Another agent', id))
  agentChoice.value = id
}
