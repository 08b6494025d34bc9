/** Names of agents: which are unique, and which find an agent. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Agent } from '@outlast/contract'
import { createKey, registerPerson, startGuarded } from '../../../../test/access.ts'
import { runSql } from '../../../../test/database.ts'
import {
  deploy,
  expectFromFile,
  fileAgent,
  fileAgentsOf,
  startWithAgents,
} from '../../../../test/file-agents.ts'
import { beforeAll } from '../../../../test/hooks.ts'
import { type Call, startServer } from '../../../../test/server.ts'
import { eventually } from '../../../../test/waiting.ts'
import { newId } from '../../../ids.ts'

let server: Awaited<ReturnType<typeof startServer>>
let call: Call
let other: Call
beforeAll(async (t) => {
  server = await startServer(t as TestContext)
  call = server.call
  other = (await startServer(t as TestContext, { databaseUrl: server.databaseUrl })).call
})

const text = { 'content-type': 'text/plain' }
const named = (name: string, more: object = {}) => ({ name, system_prompt: 'Be kind.', ...more })
const post = (name: string, more: object = {}) => call('POST', '/v1/agents', named(name, more))
const codeOf = ({ status, body }: Awaited<ReturnType<Call>>) => [status, body.code]
const idOf = async (name: string) => (await call('GET', `/v1/agents/${name}`)).body.id

/** Archives agents and renames them, as two agents of one name from an earlier release. */
async function createDoubles(name: string): Promise<[older: string, newer: string]> {
  const ids = [(await post(`${name} 1`)).body.id, (await post(`${name} 2`)).body.id] as const
  await runSql(
    server.databaseUrl,
    `update agents set name = '${name}' where id in ('${ids[0]}', '${ids[1]}')`,
  )
  return [...ids]
}

test('a POST with the slug of an active agent replaces that agent', async () => {
  const first = await post('porter', { description: 'Opens doors.', tags: ['a'] })
  assert.equal(first.status, 201)
  const second = await post('porter', { system_prompt: 'Close doors.' })
  assert.equal(second.status, 200)
  assert.equal(second.body.id, first.body.id)
  assert.deepEqual([second.body.system_prompt, second.body.tags], ['Close doors.', []])
  assert.equal(second.body.description, undefined)
  const imported = await call('POST', '/v1/agents/import', '---\nname: porter\n---\nHi.', text)
  assert.deepEqual([imported.status, imported.body.id], [200, first.body.id])
})

test('other names stay free', async () => {
  for (const name of ['Porter', 'my agent', 'a_b', 'größe', 'a.b']) {
    const [first, second] = [await post(name), await post(name)]
    assert.deepEqual([first.status, second.status], [201, 201])
    assert.notEqual(first.body.id, second.body.id)
    assert.ok(
      (await call('GET', `/v1/agents/check-name?name=${encodeURIComponent(name)}`)).body.available,
    )
  }
})

test('concurrent POSTs of one name to two nodes create one agent', async () => {
  for (let round = 0; round < 10; round += 1) {
    const body = named(`race-${round}`)
    // As clients do, a node that is too busy to answer is asked again.
    const answer = (n: number) =>
      eventually(async () => {
        const answer = await (n % 2 ? call : other)('POST', '/v1/agents', body)
        return answer.status === 503 ? undefined : answer
      })
    const answers = await Promise.all(Array.from({ length: 6 }, (_, n) => answer(n)))
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 200, 200, 200, 200, 201])
    assert.equal(new Set(answers.map(({ body }) => body.id)).size, 1)
  }
})

test('of concurrent changes to one name, one wins', async () => {
  const ids = await Promise.all(
    ['One', 'Two', 'Three'].map(async (name) => (await post(name)).body.id),
  )
  const rename = (id: string, n: number) =>
    (n % 2 ? call : other)('PATCH', `/v1/agents/${id}`, { name: 'wanted' })
  const answers = await Promise.all([
    ...ids.map(rename),
    call('PUT', `/v1/agents/${newId('agent')}`, named('wanted')),
    other('POST', '/v1/agents', named('wanted', { id: newId('agent') })),
  ])
  const won = answers.filter(({ status }) => status < 300)
  assert.equal(won.length, 1)
  for (const answer of answers) {
    if (answer !== won[0]) assert.deepEqual(codeOf(answer), [409, 'agent_name_taken'])
  }
  const { data } = (await call('GET', '/v1/agents')).body
  assert.equal(data.filter(({ name }: Agent) => name === 'wanted').length, 1)
})

test('a name finds the agent in every operation', async () => {
  const { id } = (await post('clerk')).body
  assert.equal(await idOf('clerk'), id)
  const noSlug = await call('GET', '/v1/agents/Clerk')
  assert.deepEqual(codeOf(noSlug), [400, 'invalid_id'])
  assert.match(noSlug.body.error, /or be a slug such as support\.$/)
  const changed = await call('PATCH', '/v1/agents/clerk', { description: 'Writes.' })
  assert.deepEqual([changed.body.id, changed.body.description], [id, 'Writes.'])
  const replaced = await call('PUT', '/v1/agents/clerk', named('clerk', { tags: ['x'] }))
  assert.deepEqual([replaced.status, replaced.body.id], [200, id])
  const file = await call('GET', '/v1/agents/clerk/export')
  assert.match(file.body, /^---\nname: "clerk"/)
  const renamed = await call('PUT', '/v1/agents/clerk', named('clerk-2'))
  assert.equal(renamed.body.id, id)
  assert.deepEqual(codeOf(await call('GET', '/v1/agents/clerk')), [404, 'not_found'])
  assert.equal((await call('DELETE', '/v1/agents/clerk-2')).status, 204)
  const { data } = (await call('GET', '/v1/audit-log?limit=1')).body
  assert.deepEqual([data[0].action, data[0].target], ['delete_agent', id])
  assert.deepEqual(codeOf(await call('GET', '/v1/agents/clerk-2')), [404, 'not_found'])
  assert.equal((await call('GET', `/v1/agents/${id}`)).body.status, 'archived')
})

test('PUT creates an agent under its name, and no agent under another', async () => {
  const made = await call('PUT', '/v1/agents/guard', named('guard'))
  assert.equal(made.status, 201)
  assert.equal(await idOf('guard'), made.body.id)
  assert.deepEqual(codeOf(await call('PUT', '/v1/agents/nope', named('yes'))), [404, 'not_found'])
  const id = newId('agent')
  const strange = await call('PUT', `/v1/agents/${id}`, named(id))
  assert.deepEqual([strange.status, strange.body.id], [201, id])
})

test('an archived agent frees its name, and is not restored while the name is taken', async () => {
  const { id } = (await post('night')).body
  await call('DELETE', '/v1/agents/night')
  const next = await post('night')
  assert.equal(next.status, 201)
  assert.notEqual(next.body.id, id)
  const taken = [409, 'agent_name_taken']
  assert.deepEqual(codeOf(await call('PATCH', `/v1/agents/${id}`, { status: 'active' })), taken)
  assert.deepEqual(codeOf(await post('night', { id })), taken)
  assert.equal((await call('GET', `/v1/agents/${id}`)).body.status, 'archived')
  const both = { status: 'active', name: 'day' }
  assert.equal((await call('PATCH', `/v1/agents/${id}`, both)).body.name, 'day')
})

test('an agent gets no name of another, and nothing of a refused change stays', async () => {
  await post('mine')
  const { id } = (await post('yours')).body
  const refused = await call('PATCH', `/v1/agents/${id}`, { name: 'mine', description: 'No.' })
  assert.deepEqual(codeOf(refused), [409, 'agent_name_taken'])
  assert.match(refused.body.error, /mine/)
  const { name, description } = (await call('GET', `/v1/agents/${id}`)).body
  assert.deepEqual([name, description], ['yours', undefined])
  assert.deepEqual(codeOf(await post('mine', { id: newId('agent') })), [409, 'agent_name_taken'])
  assert.equal((await call('PATCH', `/v1/agents/${id}`, { name: 'yours' })).status, 200)
})

test('agents of one name from before keep it, and the newest is found', async () => {
  const [older, newer] = await createDoubles('twin')
  assert.equal(await idOf('twin'), newer)
  const changed = await call('PATCH', `/v1/agents/${older}`, { name: 'twin', description: 'Old.' })
  assert.deepEqual([changed.status, changed.body.description], [200, 'Old.'])
  assert.equal((await call('PUT', `/v1/agents/${older}`, named('twin'))).status, 200)
  const posted = await post('twin')
  assert.deepEqual([posted.status, posted.body.id], [200, newer])
  await call('DELETE', '/v1/agents/twin')
  assert.equal(await idOf('twin'), older)
})

test('checks whether a name is free', async () => {
  const { id } = (await post('checked')).body
  const check = async (query: string) => (await call('GET', `/v1/agents/check-name?${query}`)).body
  assert.deepEqual(await check('name=checked'), { available: false })
  assert.deepEqual(await check('name=unchecked'), { available: true })
  assert.deepEqual(await check(`name=checked&exclude_id=${id}`), { available: true })
  assert.deepEqual(await check(`name=checked&exclude_id=${newId('agent')}`), { available: false })
  assert.equal((await check('')).code, 'invalid_request')
  assert.equal((await check('name=')).code, 'invalid_request')
  assert.equal((await check(`name=${'a'.repeat(256)}`)).code, 'invalid_request')
  assert.equal((await check('name=a&exclude_id=checked')).code, 'invalid_request')
})

test('organizations do not share names', async (t) => {
  const guarded = await startGuarded(t)
  const people = await Promise.all(
    ['ada', 'bea'].map((name) => registerPerson(guarded, { email: `${name}@example.com`, name })),
  )
  const [ada, bea] = await Promise.all(people.map((person) => createKey(guarded, person)))
  const made = await ada!.call('POST', '/v1/agents', named('secret'))
  assert.equal(made.status, 201)
  for (const method of ['GET', 'PATCH', 'DELETE']) {
    const body = method === 'PATCH' ? { description: 'Mine.' } : undefined
    assert.deepEqual(codeOf(await bea!.call(method, '/v1/agents/secret', body)), [404, 'not_found'])
  }
  assert.ok((await bea!.call('GET', '/v1/agents/check-name?name=secret')).body.available)
  const own = await bea!.call('POST', '/v1/agents', named('secret'))
  assert.equal(own.status, 201)
  assert.notEqual(own.body.id, made.body.id)
  assert.deepEqual((await ada!.call('GET', '/v1/agents/secret')).body, made.body)
})

test('only a caller with admin access changes the retention by a name', async (t) => {
  const guarded = await startGuarded(t)
  const person = await registerPerson(guarded, { email: 'ada@example.com', name: 'Ada' })
  const admin = await createKey(guarded, person, { scopes: ['admin'] })
  const writer = await createKey(guarded, person, { scopes: ['write'] })
  assert.equal(
    (await admin.call('POST', '/v1/agents', named('kept', { retention_days: 9 }))).status,
    201,
  )
  const refused = await writer.call('POST', '/v1/agents', named('kept', { retention_days: 1 }))
  assert.deepEqual(codeOf(refused), [403, 'forbidden'])
  const plain = await writer.call('POST', '/v1/agents', named('kept'))
  assert.deepEqual([plain.status, plain.body.retention_days], [200, 9])
})

const supportOf = (file: string) => fileAgent(file, named('support'))

test('a POST does not replace an agent that a file defines under the same slug', async (t) => {
  const { call } = await startWithAgents(t, [supportOf('support.md')])
  const { id } = (await fileAgentsOf(call)).get('support')!
  expectFromFile(await call('POST', '/v1/agents', named('support')))
  assert.equal((await call('GET', '/v1/agents/support')).body.id, id)
})

test('a file may define an agent with the slug of another agent, which it does not change', async (t) => {
  const { call, databaseUrl } = await startServer(t)
  const before = (await call('POST', '/v1/agents', named('support'))).body
  const fromFile = (await deploy(t, databaseUrl, [supportOf('support.md')])).get('support')!
  assert.notEqual(fromFile.id, before.id)
  assert.deepEqual((await call('GET', `/v1/agents/${before.id}`)).body, before)
  assert.equal((await call('GET', '/v1/agents/support')).body.id, fromFile.id)
})
