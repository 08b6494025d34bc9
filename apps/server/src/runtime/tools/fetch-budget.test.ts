import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { type TestContext, test } from 'node:test'
import { fetchInTurn, startFetching, takeAllFetches } from '../../../test/remotes/fetching.ts'
import { page, startSite } from '../../../test/remotes/site.ts'
import { createFetchBudgets } from '../../outbound/fetch-budget.ts'

const mebibyte = 1024 * 1024
const plain = { 'content-type': 'text/plain' }

/** Runs concurrent calls of `web_fetch` on a page that responds when `release` is called. */
async function fetchAll(t: TestContext, calls: number, open: (all: ServerResponse[]) => void) {
  const server = await startFetching(t)
  const held: ServerResponse[] = []
  const site = await startSite(t, {
    '/': (_, response) => {
      held.push(response)
      open(held)
    },
  })
  const inputs = Array.from({ length: calls }, () => ({ url: site.url }))
  const config = { bytes_max: 10 * mebibyte, content_length_max: 100, timeout_ms: 60_000 }
  return fetchInTurn(t, { server, config }, ...inputs)
}

test('a turn has at most 16 concurrent fetches, and the rest wait', async (t) => {
  const other = await startSite(t, { '/': (_, response) => response.end('other') })
  let heldAtOnce = 0
  const answer = (held: ServerResponse[]) => {
    for (const response of held) if (!response.headersSent) response.writeHead(200, plain).end('ok')
  }
  const outcomes = await fetchAll(t, 40, async (held) => {
    if (heldAtOnce > 0) return answer(held)
    if (held.length !== 16) return
    // Long enough for others to arrive.
    for (let trips = 0; trips < 50; trips += 1) await (await fetch(other.url)).text()
    heldAtOnce = held.length
    answer(held)
  })
  assert.deepEqual(new Set(outcomes.map(({ result }) => result?.content)), new Set(['ok']))
  assert.equal(heldAtOnce, 16)
})

test('a turn holds at most 64 MiB of fetched bytes, and a fetch without room fails', async (t) => {
  let failed = 0
  const part = Buffer.alloc(8 * mebibyte, 'x')
  const outcomes = await fetchAll(t, 12, (held) => {
    const response = held.at(-1)!
    response.writeHead(200, plain).write(part)
    response.on('close', () => {
      failed += 1
      if (failed === 4) for (const one of held) one.end()
    })
  })
  const errors = outcomes.flatMap(({ error }) => error ?? [])
  assert.equal(errors.length, 4)
  for (const error of errors) assert.match(error, /^Too many bytes are being fetched at once/)
})

test('a fetch that gets no slot in time states this, not that the site is silent', async (t) => {
  const server = await startFetching(t)
  const site = await startSite(t, { '/': page('ok', plain) })
  const { release } = await takeAllFetches(t, server)
  const given = { server, config: { timeout_ms: 1_000 } }
  const [waiting] = await fetchInTurn(t, given, { url: site.url })
  const outcomes = await release()
  assert.equal(waiting!.error, 'Too many fetches are waiting. Try again later.')
  assert.deepEqual(new Set(outcomes.map(({ result }) => result?.content)), new Set(['ok']))
})

test('a response can be cloned, read as a form, and reports whether it was read', async () => {
  const form = new FormData()
  form.set('a', 'b')
  const reach = async () => new Response(form, { status: 201 })
  const { fetch } = createFetchBudgets().openTurn('org').scope(reach)
  const response = await fetch('http://example.com/')
  const copy = response.clone()
  assert.equal((await copy.formData()).get('a'), 'b')
  assert.deepEqual([response.bodyUsed, copy.bodyUsed, copy.status], [false, true, 201])
  assert.equal((await response.formData()).get('a'), 'b')
  assert.equal(response.bodyUsed, true)
})
