import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createHttp } from '@outlast/sdk/http'
import { nounsOf } from '@outlast/sdk/nouns'
import { allOf } from './all-items.ts'

test('reads all pages of a list', async () => {
  const ids = Array.from({ length: 250 }, (_, at) => `agent_${at}`)
  const fetch: typeof globalThis.fetch = async (asked) => {
    const query = new URL(String(asked)).searchParams
    const [offset, limit] = [Number(query.get('offset')), Number(query.get('limit'))]
    const data = ids.slice(offset, offset + limit).map((id) => ({ id }))
    return Response.json({ data, total: ids.length, offset, limit })
  }
  const outlast = nounsOf(createHttp({ url: 'http://127.0.0.1', fetch }))
  const agents = await allOf(outlast.agents.list({}))
  assert.deepEqual(
    agents.map(({ id }) => id),
    ids,
  )
})
