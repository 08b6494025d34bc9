import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startServer } from '../../../test/server.ts'
import { createAgent, createSession } from '../../../test/session.ts'
import { newId } from '../../ids.ts'

const ifMatch = (tag: string | null) => ({ 'if-match': tag! })

test('refuses the second of two changes to the same version, and writes nothing of it', async (t) => {
  const server = await startServer(t)
  const { call } = server
  const { id, name, system_prompt } = await createAgent(server)
  const session = await createSession(server, { agent_id: id })
  const file = `/v1/sessions/${session.id}/fs/notes.txt`
  await call('POST', file, { content: 'As it was.' })
  const changes: [method: string, path: string, body: object, first: object][] = [
    ['PUT', `/v1/agents/${id}`, { name, system_prompt: 'Mine.' }, { system_prompt: 'Theirs.' }],
    ['PATCH', `/v1/agents/${id}`, { name: 'Mine' }, { system_prompt: 'Theirs again.' }],
    ['PUT', file, { content: 'Mine.' }, { content: 'Theirs.' }],
  ]
  for (const [method, path, body, theirs] of changes) {
    const { headers, body: read } = await call('GET', path)
    const tag = headers.get('etag')
    assert.equal(tag, `"${read.updated_at}"`)
    const first = await call(path === file ? 'PUT' : 'PATCH', path, theirs, ifMatch(tag))
    assert.equal(first.status, 200, JSON.stringify(first.body))
    assert.notEqual(first.headers.get('etag'), tag)
    const second = await call(method, path, body, ifMatch(tag))
    assert.deepEqual([second.status, second.body.code], [412, 'changed_meanwhile'])
    const { usage: _, ...now } = (await call('GET', path)).body
    assert.deepEqual(now, first.body)

    const several = `"other", ${first.headers.get('etag')}`
    assert.equal((await call(method, path, body, ifMatch(several))).status, 200)
    assert.equal((await call(method, path, body, ifMatch('*'))).status, 200)
    assert.equal((await call(method, path, body)).status, 200)
  }
  const none = `/v1/agents/${newId('agent')}`
  const made = await call('PUT', none, { name, system_prompt }, ifMatch('*'))
  assert.deepEqual([made.status, made.body.code], [412, 'changed_meanwhile'])
})

test('accepts one of many concurrent changes to an agent', async (t) => {
  const server = await startServer(t)
  const { id, updated_at } = await createAgent(server)
  const answers = await Promise.all(
    Array.from({ length: 8 }, (_, n) =>
      server.call('PATCH', `/v1/agents/${id}`, { name: `N ${n}` }, ifMatch(`"${updated_at}"`)),
    ),
  )
  const statuses = answers.map(({ status }) => status).sort()
  assert.deepEqual(statuses, [200, ...Array.from({ length: 7 }, () => 412)])
})
