import assert from 'node:assert/strict'
import { test } from 'node:test'
import { beforeAll } from '../../../../apps/server/test/hooks.ts'
import { startServer } from '../../../../apps/server/test/server.ts'
import { startProxy } from '../../test/http-proxy.ts'
import { calls, says, starter } from '../../test/session.ts'
import { keep, when } from '../../test/store.ts'
import { createOutlast, type Outlast } from '../client/outlast.ts'
import type { OutlastError } from '../http/error.ts'
import { type ClientTool, clientTool } from '../turns/client-tool.ts'
import type { SessionSnapshot } from './session-snapshot.ts'
import { createSessionStore } from './session-store.ts'

let server: Awaited<ReturnType<typeof startServer>>
let outlast: Outlast
let start: ReturnType<typeof starter>

beforeAll(async (t) => {
  server = await startServer(t)
  outlast = createOutlast({ url: server.url })
  start = starter(outlast)
})

const openDoor = (run: (signal: AbortSignal) => unknown): ClientTool =>
  clientTool({
    name: 'open_door',
    description: 'Opens a door.',
    parameters: { type: 'object', properties: {} },
    run: (_, { signal }) => run(signal),
  })
const { definition } = openDoor(() => null)
const opening = says(calls('open_door', {}, 'a'), { text: 'Done' })
const isIdle = ({ status }: SessionSnapshot) => status === 'idle'
const isDone = (now: SessionSnapshot) => isIdle(now) && now.items.length === 4
const untilLater = () => new Promise((resolve) => setTimeout(resolve))
/** Removes the last subscriber of a store, and lets the store close its stream. */
async function leaveLast(leave: () => void) {
  await untilLater()
  leave()
  await untilLater()
}

/** A client that reports when its stream is closed. */
function watchStream() {
  const { promise: closed, resolve: close } = Promise.withResolvers<void>()
  const watched: typeof fetch = async (input, init) => {
    const response = await fetch(input, init)
    if (!String(input).includes('/sse')) return response
    const reader = response.body!.getReader()
    const body = new ReadableStream({
      async pull(controller) {
        const { done, value } = await reader.read()
        if (done) controller.close()
        else controller.enqueue(value)
      },
      cancel(reason) {
        close()
        return reader.cancel(reason)
      },
    })
    return new Response(body, response)
  }
  return { closed, remote: createOutlast({ url: server.url, fetch: watched }) }
}

const failing = { check: 'types=', result: '/tool-results' }

for (const [name, part] of Object.entries(failing)) {
  test(`a client tool runs again after its ${name} was refused`, async (t) => {
    let isRefused = true
    const expired = { status: 401, body: '{"error":"Expired.","code":"unauthenticated"}' }
    const proxy = await startProxy(t, server.url, ({ path }) =>
      isRefused && path.includes(part) ? expired : 'pass',
    )
    let runs = 0
    const tool = openDoor(() => {
      runs += 1
    })
    const { id: sessionId } = await start({}, { tools: [definition] })
    const remote = createOutlast({ url: proxy.url })
    const store = createSessionStore({ outlast: remote, sessionId, tools: [tool] })
    const leave = store.subscribe(() => {})
    await when(t, store, isIdle)
    await store.send(opening)
    const { error } = await when(t, store, (now) => now.error !== undefined)
    assert.equal((error as OutlastError).status, 401)
    isRefused = false
    // A call whose result was refused has run, so that only another stream runs it again.
    if (name === 'result') await leaveLast(leave)
    keep(t, store)
    leave()
    await when(t, store, ({ items }) => items.length === 4)
    assert.equal(runs, name === 'check' ? 1 : 2)
  })
}

for (const end of ['cancel', 'result']) {
  test(`a client tool without a subscriber keeps the stream until its ${end}`, async (t) => {
    const { promise: opened, resolve: open } = Promise.withResolvers<void>()
    const { promise: begun, resolve: begin } = Promise.withResolvers<AbortSignal>()
    const tool = openDoor((signal) => {
      begin(signal)
      // Ignores its signal.
      return opened
    })
    const { closed, remote } = watchStream()
    const session = await start({}, { tools: [definition] })
    const store = createSessionStore({ outlast: remote, sessionId: session.id, tools: [tool] })
    const leave = store.subscribe(() => {})
    await when(t, store, isIdle)
    await store.send(opening)
    const signal = await begun
    await leaveLast(leave)
    assert.equal(signal.aborted, false)
    if (end === 'cancel') await outlast.sessions.cancelTurn(session.id)
    else open()
    await closed
    open()
    assert.ok(signal.aborted || end === 'result')
    keep(t, store)
    const { items } = await when(t, store, isIdle)
    if (end === 'result') assert.match(JSON.stringify(items), /Done/)
  })
}

for (const gone of ['tool', 'view']) {
  test(`a client tool does not start if its ${gone} is gone after the check`, async (t) => {
    const { promise: held, resolve: release } = Promise.withResolvers<void>()
    const { promise: checked, resolve: check } = Promise.withResolvers<void>()
    const holding: typeof fetch = async (input, init) => {
      if (String(input).includes('types=')) {
        check()
        await held
      }
      return fetch(input, init)
    }
    const runs: string[] = []
    const { id: sessionId } = await start({}, { tools: [definition] })
    const remote = createOutlast({ url: server.url, fetch: holding })
    const store = createSessionStore({ outlast: remote, sessionId })
    const add = (name: string) => store.addTools(() => [openDoor(() => runs.push(name))])
    const leave = store.subscribe(() => {})
    await when(t, store, isIdle)
    const remove = add('first')
    await store.send(opening)
    await checked
    if (gone === 'view') await leaveLast(leave)
    remove()
    release()
    keep(t, store)
    leave()
    t.after(add('second'))
    await when(t, store, isDone)
    assert.deepEqual(runs, ['second'])
  })
}
