/** Requests and responses that take longer than the timeout of a call. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createOutlast, isOutlastError, type Outlast } from '../index.ts'

type Respond = (request: IncomingMessage, response: ServerResponse) => unknown

/** Starts a server that responds in this way. */
async function serve(t: TestContext, respond: Respond): Promise<string> {
  const server = createServer((request, response) => void respond(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const timeoutMs = 3_000
const isTimeout = (error: unknown) => isOutlastError(error, 'timeout')

/** One call for each form of a response, and the part of its result that was sent. */
const forms: Record<string, { type: string; status?: number; call: (o: Outlast) => unknown }> = {
  json: {
    type: 'application/json',
    call: async (outlast) => (await outlast.agents.get('agent_1')).name,
  },
  text: {
    type: 'text/markdown',
    call: async (outlast) => JSON.parse(await outlast.agents.export('agent_1')).name,
  },
  blob: {
    type: 'image/png',
    call: async (outlast) => {
      const blob = await outlast.images.get('image_1')
      assert.equal(blob.type, 'image/png')
      return JSON.parse(await blob.text()).name
    },
  },
  error: {
    type: 'application/json',
    status: 400,
    call: (outlast) => outlast.health.get().catch(({ message }) => message),
  },
}

const name = 'Zoë 😀 '.repeat(4)
const bytes = Buffer.from(JSON.stringify({ name, error: name, code: 'invalid_request' }))
const pieces = 8
const pauseMs = 500

describe('a response that takes longer than timeoutMs', { concurrency: true }, () => {
  for (const [form, { type, status = 200, call }] of Object.entries(forms)) {
    test(`is read while its parts arrive: ${form}`, async (t) => {
      /** Far more than `pauseMs` only when this process, also the client, was paused. */
      let longestMs = 0
      const url = await serve(t, async (_request, response) => {
        response.writeHead(status, { 'content-type': type })
        const size = Math.ceil(bytes.length / pieces)
        for (let at = 0; at < bytes.length; at += size) {
          response.write(bytes.subarray(at, at + size))
          const sentAt = performance.now()
          await sleep(pauseMs)
          longestMs = Math.max(longestMs, performance.now() - sentAt)
        }
        response.end()
      })
      const outlast = createOutlast({ url, timeoutMs, retriesMax: 0 })
      for (;;) {
        longestMs = 0
        const [outcome] = await Promise.allSettled([call(outlast)])
        const found = outcome.status === 'fulfilled' ? outcome.value : outcome.reason
        if (found === name) return
        assert.ok(longestMs > timeoutMs / 2, found)
      }
    })

    test(`fails when it is silent: ${form}`, async (t) => {
      const url = await serve(t, (_request, response) => {
        response.writeHead(status, { 'content-type': type }).write(bytes.subarray(0, 5))
      })
      const outlast = createOutlast({ url, timeoutMs: 200, retriesMax: 0 })
      const failed = (error: unknown) => error
      const outcome = await Promise.resolve(call(outlast)).catch(failed)
      if (form === 'error') assert.match(String(outcome), /No data arrived within 200 ms/)
      else assert.ok(isTimeout(outcome), String(outcome))
    })
  }
})

for (const [form, { type, status = 200, call }] of Object.entries(forms)) {
  test(`a replacement of fetch may send no parts: ${form}`, async () => {
    const fetch = async () => {
      const response = new Response(bytes, { status, headers: { 'content-type': type } })
      return Object.defineProperty(response, 'body', { value: undefined })
    }
    assert.equal(await call(createOutlast({ fetch, retriesMax: 0 })), name)
  })
}

/** Reads a body at this rate, and responds when it is complete. */
async function readSlowly(request: IncomingMessage, kibPerSecond: number): Promise<number> {
  let size = 0
  for await (const chunk of request) {
    size += chunk.length
    await sleep(chunk.length / 1.024 / kibPerSecond)
  }
  return size
}

describe('a request that takes longer than timeoutMs', { concurrency: true }, () => {
  const content = 'x'.repeat(512 * 1024)
  const uploads: Record<string, (o: Outlast) => PromiseLike<unknown>> = {
    JSON: (outlast) => outlast.files.create('session_1', '/a.txt', { content }),
    text: (outlast) => outlast.agents.import(content),
    'a form': (outlast) => outlast.images.create(new Blob([content])),
  }
  for (const [kind, upload] of Object.entries(uploads)) {
    test(`has time for its body: ${kind}`, async (t) => {
      const sizes: number[] = []
      const url = await serve(t, async (request, response) => {
        sizes.push(await readSlowly(request, 256))
        response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
      })
      await upload(createOutlast({ url, timeoutMs: 1_000, retriesMax: 0 }))
      assert.equal(sizes.length, 1)
      assert.ok(sizes[0]! >= content.length)
    })
  }

  test('fails when the server does not respond', async (t) => {
    const url = await serve(t, (request) => request.resume())
    const outlast = createOutlast({ url, timeoutMs: 100, retriesMax: 0 })
    const body = { content: 'ü'.repeat(10_000) }
    const call = outlast.files.create('session_1', '/a.txt', body)
    // 100 ms for the response, and 20,014 bytes at 32 KiB/s.
    await assert.rejects(call, { code: 'timeout', message: 'No data arrived within 711 ms.' })
  })
})
