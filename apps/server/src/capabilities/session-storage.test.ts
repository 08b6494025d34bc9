import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FileInfo } from '@outlast/contract'
import { expectStatus } from '../../test/access.ts'
import { createTestDatabase, runSql } from '../../test/database.ts'
import { beforeAll } from '../../test/hooks.ts'
import { startServer } from '../../test/server.ts'
import { createSession, eventsOf } from '../../test/session.ts'
import { sessionWith, type ToolUse, useTools, useToolsAtOnce } from '../../test/tool-session.ts'

let server: Awaited<ReturnType<typeof startServer>>
beforeAll(async (t) => {
  server = await startServer(t as never)
})

const ref = 'session_storage'
const named = ({ key, name }: { key?: string; name?: string }) => key ?? name

test('sets, reads, lists, replaces and deletes values by name', async (t) => {
  const session = await sessionWith(server, ref)
  const first = await useTools(
    t,
    server,
    session.id,
    ['set_value', { key: 'b', value: 'two' }],
    ['set_value', { key: 'a/ї 😀', value: '' }],
    ['set_value', { key: 'b', value: '{"n": 2}' }],
    ['get_value', { key: 'b' }],
    ['get_value', { key: 'a/ї 😀' }],
    ['get_value', { key: 'c' }],
  )
  assert.deepEqual(first, [
    { key: 'b', stored: true },
    { key: 'a/ї 😀', stored: true },
    { key: 'b', stored: true },
    { key: 'b', value: '{"n": 2}', found: true },
    { key: 'a/ї 😀', value: '', found: true },
    { key: 'c', value: null, found: false },
  ])
  // Another turn finds them, another session does not.
  const [{ keys, count }, deleted, again, rest] = await useTools(
    t,
    server,
    session.id,
    ['list_keys', {}],
    ['delete_value', { key: 'b' }],
    ['delete_value', { key: 'b' }],
    ['list_keys', {}],
  )
  assert.deepEqual([keys.map(named), count], [['a/ї 😀', 'b'], 2])
  const [, b] = keys
  assert.ok(Date.parse(b.created_at) < Date.parse(b.updated_at), JSON.stringify(b))
  assert.deepEqual(
    [deleted, again],
    [
      { key: 'b', deleted: true },
      { key: 'b', deleted: false },
    ],
  )
  assert.deepEqual(rest.keys.map(named), ['a/ї 😀'])
  const other = await createSession(server, { agent_id: session.agent_id })
  assert.deepEqual(await useTools(t, server, other.id, ['list_keys', {}]), [{ keys: [], count: 0 }])
})

test('secrets have separate names and are not stored in plain text', async (t) => {
  const session = await sessionWith(server, ref)
  const secret = 'correct-horse-battery'
  const answers = await useTools(
    t,
    server,
    session.id,
    ['set_value', { key: 'token', value: 'plain' }],
    ['set_secret', { name: 'token', value: secret }],
    ['get_secret', { name: 'token' }],
    ['get_value', { key: 'token' }],
    ['list_secrets', {}],
    ['delete_secret', { name: 'token' }],
    ['get_secret', { name: 'token' }],
    ['get_value', { key: 'token' }],
    ['set_secret', { name: 'token', value: secret }],
  )
  const [, set, got, value, listed, deleted, gone, kept] = answers
  assert.deepEqual(set, { name: 'token', stored: true })
  assert.deepEqual(got, { name: 'token', value: secret, found: true })
  assert.deepEqual(value, { key: 'token', value: 'plain', found: true })
  assert.deepEqual([listed.secrets.map(named), listed.count], [['token'], 1])
  assert.deepEqual(Object.keys(listed.secrets[0]).sort(), ['created_at', 'name', 'updated_at'])
  assert.deepEqual(deleted, { name: 'token', deleted: true })
  assert.deepEqual(gone, { name: 'token', value: null, found: false })
  assert.deepEqual(kept, { key: 'token', value: 'plain', found: true })
  // Fails when a secret is readable in the table.
  await runSql(
    server.databaseUrl,
    `do $$ begin
      assert (select count(*) from session_storage where kind = 'secret') > 0;
      assert not exists (select from session_storage where body like '%${secret}%');
    end $$`,
  )
})

test('concurrent calls store all values and use no extra connections', async (t) => {
  const session = await sessionWith(server, ref)
  const keys = Array.from({ length: 256 }, (_, n) => `key-${String(n).padStart(3, '0')}`)
  const uses = keys.map((key): ToolUse => ['set_value', { key, value: key }])
  const { call } = server
  let going = true
  const others = (async () => {
    while (going) expectStatus(await call('GET', `/v1/sessions/${session.id}`), 200)
  })()
  const answers = await useToolsAtOnce(t, server, session.id, ...uses)
  going = false
  await others
  assert.ok(answers.every(({ stored }) => stored === true))
  const [{ keys: found }] = await useTools(t, server, session.id, ['list_keys', {}])
  assert.deepEqual(found.map(named), keys)
})

test('refuses too long names and values with a sentence', async (t) => {
  const session = await sessionWith(server, ref)
  const long = 'x'.repeat(65_537)
  const answers = await useTools(
    t,
    server,
    session.id,
    ['set_value', { key: '', value: 'x' }],
    ['set_value', { key: 'x'.repeat(256), value: 'x' }],
    // One letter with many accents counts as one grapheme.
    ['set_value', { key: `a${'\u0301'.repeat(300)}`, value: 'x' }],
    ['set_value', { key: 'a\0b', value: 'x' }],
    ['set_value', { key: 'a', value: 'x\0y' }],
    ['set_value', { key: 'a', value: long }],
    ['set_secret', { name: 'a', value: long }],
    ['set_value', { key: '😀'.repeat(255), value: long.slice(1) }],
    ['set_secret', { name: 'nul', value: 'x\0y' }],
    ['get_secret', { name: 'nul' }],
  )
  const said = [
    /^Invalid arguments for set_value: key /,
    /^Invalid arguments for set_value: key /,
    /key must have between 1 and 255 characters/,
    /`name` cannot contain NUL/,
    /`value` cannot contain NUL/,
    /The value has 65537 bytes; the maximum is 65536/,
    /The value has 65537 bytes; the maximum is 65536/,
  ]
  for (const [index, pattern] of said.entries()) assert.match(answers[index], pattern)
  assert.deepEqual(answers.slice(7), [
    { key: '😀'.repeat(255), stored: true },
    { name: 'nul', stored: true },
    { name: 'nul', value: 'x\0y', found: true },
  ])
})

test('a session stores 1,000 values, and existing ones can be replaced', async (t) => {
  const session = await sessionWith(server, ref)
  await runSql(
    server.databaseUrl,
    `insert into session_storage (org_id, session_id, kind, name, body)
      select org_id, id, 'value', 'k' || n, 'x' from sessions, generate_series(1, 999) as n
      where id = '${session.id}'`,
  )
  const answers = await useTools(
    t,
    server,
    session.id,
    ['set_value', { key: 'last', value: 'x' }],
    ['set_value', { key: 'one more', value: 'x' }],
    ['set_value', { key: 'last', value: 'y' }],
    ['set_secret', { name: 'one more', value: 'x' }],
    ['delete_value', { key: 'k1' }],
    ['set_value', { key: 'one more', value: 'x' }],
  )
  const full = 'A session can store at most 1000 values. Delete some first.'
  assert.deepEqual(
    answers.map((answer) => answer.stored ?? answer.deleted ?? answer),
    [true, full, true, true, true, true],
  )
})

test('config removes secrets and changes, and limits values', async (t) => {
  const toolsOf = async (config: object) => {
    const session = await sessionWith(server, ref, config)
    const calls = ['set_value', 'set_secret', 'get_secret', 'list_secrets', 'delete_value']
    const input = (name: string) =>
      name === 'list_secrets'
        ? {}
        : { [/secret/.test(name) ? 'name' : 'key']: 'a', ...(/set/.test(name) && { value: 'abc' }) }
    const answers = await useTools(
      t,
      server,
      session.id,
      ...calls.map((name): [string, object] => [name, input(name)]).concat([['list_keys', {}]]),
    )
    return answers.map((answer) => (typeof answer === 'string' ? answer : 'ok'))
  }
  const none = (name: string) => `Tool definition not found: ${name}`
  assert.deepEqual(await toolsOf({ secrets: false }), [
    'ok',
    none('set_secret'),
    none('get_secret'),
    none('list_secrets'),
    'ok',
    'ok',
  ])
  assert.deepEqual(await toolsOf({ model_may_read: false }), [
    'ok',
    'ok',
    none('get_secret'),
    'ok',
    'ok',
    'ok',
  ])
  assert.deepEqual(await toolsOf({ readonly: true }), [
    none('set_value'),
    none('set_secret'),
    'ok',
    'ok',
    none('delete_value'),
    'ok',
  ])
  const small = 'The value has 3 bytes; the maximum is 2.'
  assert.deepEqual(await toolsOf({ value_bytes_max: 2 }), [small, small, 'ok', 'ok', 'ok', 'ok'])
})

test('an envelope copied to another name or session cannot be decrypted', async (t) => {
  const session = await sessionWith(server, ref)
  await useTools(t, server, session.id, ['set_secret', { name: 'a', value: 'x' }])
  const other = await createSession(server, { agent_id: session.agent_id })
  await runSql(
    server.databaseUrl,
    `insert into session_storage (org_id, session_id, kind, name, body)
      select org_id, s, kind, n, body from session_storage,
        (values ('${session.id}', 'b'), ('${other.id}', 'a')) as t (s, n)
      where session_id = '${session.id}'`,
  )
  const moved =
    'The secret cannot be decrypted: it was changed or moved, or sealed with another master key with the id kek-v1.'
  const get = (id: string, name: string) => useTools(t, server, id, ['get_secret', { name }])
  assert.deepEqual(await get(session.id, 'b'), [moved])
  assert.deepEqual(await get(other.id, 'a'), [moved])
  assert.deepEqual(await get(session.id, 'a'), [{ name: 'a', value: 'x', found: true }])
})

test('a secret that is too long for a result is not stored in a file', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const small = await startServer(t, { databaseUrl, env: { TOOL_OUTPUT_KB: '1' } })
  const session = await sessionWith(small, ref)
  const value = 'x'.repeat(1_000)
  const [, secret, , text] = await useTools(
    t,
    small,
    session.id,
    ['set_secret', { name: 'a', value }],
    ['get_secret', { name: 'a' }],
    ['set_value', { key: 'a', value }],
    ['get_value', { key: 'a' }],
  )
  assert.equal(secret, 'The secret exceeds the limit of a result, 1024 bytes.')
  assert.equal(text.truncated, true)
  const { body } = await small.call('GET', `/v1/sessions/${session.id}/fs?recursive=true`)
  assert.equal(body.data.filter((file: FileInfo) => !file.is_directory).length, 1)
  await small.stop()
})

test('without a master key values work, and secrets report that they are unavailable', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const bare = await startServer(t, { databaseUrl, env: { SECRETS_ENCRYPTION_KEY: '' } })
  const session = await sessionWith(bare, ref)
  const answers = await useTools(
    t,
    bare,
    session.id,
    ['set_secret', { name: 'a', value: 'x' }],
    ['get_secret', { name: 'a' }],
    ['set_value', { key: 'a', value: 'x' }],
  )
  const none = 'Secrets cannot be stored: the server has no master key. Set SECRETS_ENCRYPTION_KEY.'
  assert.deepEqual(answers, [none, none, { key: 'a', stored: true }])
  await bare.stop()
})

test('stored values count towards storage and are deleted with the session', async (t) => {
  const session = await sessionWith(server, ref)
  await useTools(
    t,
    server,
    session.id,
    ['set_value', { key: 'a', value: 'x'.repeat(9_000) }],
    ['set_value', { key: 'a', value: 'x'.repeat(5_000) }],
    ['set_value', { key: 'b', value: 'x'.repeat(4_000) }],
    ['delete_value', { key: 'b' }],
  )
  const counted = `
    (select sum(c.stored_bytes) from counters c where c.agent_id = '${session.agent_id}')`
  const sum = async (expected: string) =>
    runSql(server.databaseUrl, `do $$ begin assert ${expected}; end $$`)
  await sum(`${counted} = (select stored_bytes from sessions where id = '${session.id}')`)
  await sum(`${counted} > 5000`)
  assert.ok((await eventsOf(server, session.id)).length > 0)
  expectStatus(await server.call('DELETE', `/v1/sessions/${session.id}`), 204)
  await sum(`not exists (select from session_storage where session_id = '${session.id}')`)
  await sum(`${counted} = 0`)
})
