import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Session } from '@outlast/contract'
import { queryRows, runSql } from '../../../../test/database.ts'
import { beforeAll } from '../../../../test/hooks.ts'
import { startServer } from '../../../../test/server.ts'
import { converse, createAgent, createSession, scripted } from '../../../../test/session.ts'
import { eventually } from '../../../../test/waiting.ts'

let server: Awaited<ReturnType<typeof startServer>>
let agentId: string

beforeAll(async (t) => {
  server = await startServer(t as TestContext)
  agentId = (await createAgent(server)).id
})

const spoken = (role: 'user' | 'agent', text: string) => ({
  role,
  content: [{ type: 'text', text }],
})

/** Creates a session with earlier messages. */
const seeded = (texts: string[], fields: object = {}) =>
  createSession(server, {
    agent_id: agentId,
    messages: texts.map((text, at) => spoken(at % 2 === 0 ? 'user' : 'agent', text)),
    ...fields,
  })

/** Waits until all changes of sessions are searchable. */
const indexed = (databaseUrl = server.databaseUrl) =>
  eventually(async () => {
    const rows = await queryRows(databaseUrl, 'select 1 from search_due limit 1')
    return rows.length === 0
  })

async function search(q: string, more = ''): Promise<Session[]> {
  const path = `/v1/sessions?q=${encodeURIComponent(q)}${more}`
  const { status, body } = await server.call('GET', path)
  assert.equal(status, 200, JSON.stringify(body))
  assert.equal(body.total, body.data.length)
  return body.data
}

const idsOf = (sessions: Session[]) => sessions.map(({ id }) => id)

test('a search finds words, phrases and beginnings in messages, replies and titles', async () => {
  const [zebra, second] = [
    await seeded(['The zebra is lame.', 'Café Ñandú opens at nine.'], { title: 'Zoo ledger' }),
    await seeded(['A lame excuse: the Zebra crossing.', 'She is in 東京タワー now.']),
  ]
  await indexed()
  const both = [second.id, zebra.id]
  for (const [q, found] of [
    ['zebra', both],
    ['ZEBRA lame', both],
    ['"zebra is"', [zebra.id]],
    ['"is zebra"', []],
    ['"lame café"', []],
    ['cafe nandu', [zebra.id]],
    ['zeb', []],
    ['zeb*', both],
    ['ledger', [zebra.id]],
    ['東京', [second.id]],
    ['京東', []],
    ['zebra unheard', []],
    ['!!! ***', []],
    ['"', []],
    ["zebra' | 'lame & !(x):*", []],
  ] as const) {
    assert.deepEqual(idsOf(await search(q)), found, q)
  }
})

test('a found session shows the text around the words', async () => {
  const filler = 'word '.repeat(300)
  const session = await seeded([
    `Hello. ${filler}`,
    `${filler} The Quokka <b>smiles</b>. ${filler}`,
  ])
  await indexed()
  const [found] = await search('quok* smiles')
  assert.equal(found!.id, session.id)
  const { sequence, snippet } = found!.match!
  assert.equal(sequence, 3)
  assert.deepEqual(
    snippet.flatMap(({ text, is_match }) => (is_match ? [text] : [])),
    ['Quokka', 'smiles'],
  )
  assert.ok(snippet.map(({ text }) => text).join('').length < 210)
})

test('a found session shows a text behind many messages of its part', async () => {
  const session = await seeded([
    ...Array.from({ length: 150 }, (_, at) => `w${at}`),
    'The quokka sleeps.',
  ])
  await indexed()
  const [found] = await search('"quokka sleeps"')
  assert.deepEqual([found!.id, found!.match?.sequence], [session.id, 152])
})

test('a turn makes its message and its reply searchable, and a fork has them too', async (t) => {
  const session = await createSession(server, { agent_id: agentId })
  await converse(t, server, session.id, scripted({ text: 'Axolotls regrow their limbs.' }))
  await indexed()
  assert.deepEqual(idsOf(await search('axolotls regrow')), [session.id])
  await converse(t, server, session.id, scripted({ text: 'Narwhals have tusks.' }))
  const fork = (await server.call('POST', `/v1/sessions/${session.id}/fork`, {})).body
  await indexed()
  assert.deepEqual(idsOf(await search('narwhals axolotls')), [fork.id, session.id])
  await server.call('PATCH', `/v1/sessions/${fork.id}`, { title: 'Capybara' })
  await indexed()
  assert.deepEqual(idsOf(await search('capybara')), [fork.id])
})

test('a long message is searched in parts, and words of one part are found together', async () => {
  const words = Array.from({ length: 9_000 }, (_, at) => `w${at}`)
  const session = await seeded([words.join(' ')])
  await indexed()
  assert.deepEqual(idsOf(await search('w8999')), [session.id])
  assert.deepEqual(idsOf(await search('"w4100 w4101"')), [session.id])
  assert.deepEqual(idsOf(await search('w0 w8999')), [])
})

test('phrases are found behind many uses of their words, in one message and in many turns', async () => {
  const [long, short] = [
    await seeded([`${'error '.repeat(300)} error timeout`, 'gibbon']),
    await seeded(Array.from({ length: 199 }, (_, at) => (at % 2 ? 'hold' : 'hold hold'))),
  ]
  await indexed()
  await server.call('POST', `/v1/sessions/${short.id}/messages`, {
    message: { content: [{ type: 'text', text: 'hold the line' }] },
  })
  await eventually(async () => (await search('"the line"')).length > 0)
  assert.deepEqual(idsOf(await search('"error timeout"')), [long.id])
  assert.deepEqual(idsOf(await search('"timeout gibbon"')), [])
  assert.deepEqual(idsOf(await search('"hold the line"')), [short.id])
})

test('texts that PostgreSQL or its search cannot hold do no harm', async () => {
  const odd = [
    `inside \ud800 lone`,
    `${'x'.repeat(5_000)} gecko`,
    `${'ﷺ'.repeat(200)} ${'𐐀'.repeat(99)} a${'𐐀'.repeat(99)} skink`,
    `'quoted' \\back:1A & | ! <-> ()`,
    '🦎'.repeat(2_000),
  ]
  const session = await seeded(odd)
  await indexed()
  for (const q of ['gecko', 'skink', 'inside lone', '"quoted back"', 'x'.repeat(200)]) {
    assert.deepEqual(idsOf(await search(q)), [session.id], q)
  }
})

test('the words of a deleted session are deleted', async () => {
  const session = await seeded(['Okapi.'])
  await indexed()
  assert.deepEqual(idsOf(await search('okapi')), [session.id])
  await server.call('DELETE', `/v1/sessions/${session.id}`)
  await indexed()
  assert.deepEqual(await search('okapi'), [])
  for (const table of ['search_words', 'search_sessions', 'search_due']) {
    const sql = `select 1 from ${table} where session_id = '${session.id}'`
    assert.deepEqual(await queryRows(server.databaseUrl, sql), [], table)
  }
})

test('frequent words list the newest sessions, with filters and on later pages', async () => {
  const tag = 'frequent'
  const made: string[] = []
  for (let at = 0; at < 6; at += 1) {
    made.unshift((await seeded([`Ubiquitous lemur ${at}`], { tags: at % 2 ? [tag] : [] })).id)
  }
  await indexed()
  const page = async (query: string) => {
    const { body } = await server.call('GET', `/v1/sessions?q=ubiquitous&${query}`)
    return { ids: idsOf(body.data), total: body.total, isCapped: body.total_capped ?? false }
  }
  assert.deepEqual(await page('limit=2'), { ids: made.slice(0, 2), total: 6, isCapped: false })
  assert.deepEqual((await page('limit=2&offset=4')).ids, made.slice(4))
  const tagged = made.filter((_, at) => at % 2 === 0)
  assert.deepEqual((await page(`tag=${tag}`)).ids, tagged)
  assert.equal((await page(`agent_id=${agentId}&limit=3`)).ids.length, 3)
})

test('words and phrases of sessions behind thousands of others are found', async (t) => {
  const own = await startServer(t)
  const made: string[] = []
  for (const [text, tags] of [
    ['A blue whale sings.', ['sea']],
    ['The whale is blue.', []],
    ['One more blue whale.', []],
    ['A whale again.', ['sea']],
  ] as const) {
    const fields = { messages: [spoken('user', text)], tags }
    made.unshift((await createSession(own, fields)).id)
  }
  await indexed(own.databaseUrl)
  await runSql(
    own.databaseUrl,
    `alter table sessions disable trigger user;
     insert into sessions (org_id, id, agent_id, status, sequence, created_at)
     select org_id, 'session_newer' || n, agent_id, 'idle', 0, now() + interval '1 second'
     from sessions, generate_series(1, 4200) n where id = '${made[0]}'`,
  )
  // On a loaded machine a search of so many parts can reach the time limit of statements.
  const answer = (query: string) =>
    eventually(async () => {
      const { status, body } = await own.call('GET', `/v1/sessions?${query}`)
      if (status === 503) return undefined
      assert.equal(status, 200, JSON.stringify(body))
      return body
    })
  const found = async (query: string) => idsOf((await answer(query)).data)
  const verify = async () => {
    const [again, more, other, first] = made as [string, string, string, string]
    assert.deepEqual(await found('q=whale'), made)
    assert.deepEqual(await found('q=whale&limit=2&offset=1'), [more, other])
    assert.deepEqual(await found('q=whale&tag=sea'), [again, first])
    assert.deepEqual(await found('q=blue%20whale'), [more, other, first])
    assert.deepEqual(await found('q="blue whale"'), [more, first])
    assert.deepEqual(await found('q="blue whale"&tag=sea'), [first])
    assert.deepEqual(await found('q="whale blue"'), [])
    assert.deepEqual(await found('q="whale again"'), [again])
    assert.deepEqual(await found('q="again whale"'), [])
  }
  await verify()
  // Copies of a part stand for more parts than a search looks up at first.
  await runSql(
    own.databaseUrl,
    `insert into search_words (org_id, session_id, created_at, part, from_sequence, to_sequence, words)
     select org_id, session_id, created_at, n, from_sequence, to_sequence, words
     from search_words, generate_series(2, 100001) n where session_id = '${made[0]}' and part = 1`,
  )
  // The plan of the words of few sessions is another one.
  await runSql(own.databaseUrl, 'analyze search_words, sessions')
  await verify()

  // A word of the newest sessions that is in too many parts has no pages behind those.
  await runSql(
    own.databaseUrl,
    `insert into search_words (org_id, session_id, created_at, part, from_sequence, to_sequence, words)
     select w.org_id, s.id, s.created_at, 1, 1, 1, w.words from search_words w, sessions s
     where w.session_id = '${made[0]}' and w.part = 1 and s.id like 'session_newer%'`,
  )
  const page = async (offset: number) => {
    const { data, total, total_capped } = await answer(`q=whale&limit=50&offset=${offset}`)
    return [data.length, total, total_capped]
  }
  assert.deepEqual(await page(3_950), [50, 4_000, true])
  assert.deepEqual(await page(4_000), [0, 4_000, true])
  const { body } = await own.call('GET', `/v1/sessions/${made[0]}`)
  const until = new Date(Date.parse(body.created_at) + 1).toISOString()
  assert.deepEqual(await found(`q=whale&until=${until}`), made)
})

test('a search refuses another order', async () => {
  for (const order of ['sort=cost', 'order=asc', 'sort=last_activity&order=desc']) {
    const { status, body } = await server.call('GET', `/v1/sessions?q=zebra&${order}`)
    assert.equal(status, 400, order)
    assert.equal(body.code, 'invalid_request')
  }
  assert.equal((await server.call('GET', `/v1/sessions?q=${'a'.repeat(201)}`)).status, 400)
  assert.equal((await server.call('GET', '/v1/sessions?q=')).status, 400)
})

test('sessions that are older than the search become searchable', async (t) => {
  const session = await seeded(['Pangolins roll up.'])
  await indexed()
  await runSql(
    server.databaseUrl,
    `delete from search_words; delete from search_sessions; insert into search_backfill values ('', '')`,
  )
  await startServer(t, { databaseUrl: server.databaseUrl })
  await eventually(async () => {
    const left = await queryRows(server.databaseUrl, 'select 1 from search_backfill')
    return left.length === 0
  })
  await indexed()
  assert.deepEqual(idsOf(await search('pangolins')), [session.id])
})

test('all sessions that are older than the search are marked, in several statements', async (t) => {
  const own = await startServer(t)
  const session = await createSession(own)
  await runSql(
    own.databaseUrl,
    `set session_replication_role = replica;
    insert into sessions (org_id, id, agent_id)
    select org_id, 'session_' || md5(n::text), agent_id from sessions, generate_series(1, 650) n
    where id = '${session.id}';
    insert into search_backfill values ('', '')`,
  )
  await startServer(t, { databaseUrl: own.databaseUrl })
  await eventually(async () => {
    const left = await queryRows(own.databaseUrl, 'select 1 from search_backfill')
    return left.length === 0
  })
  const unmarked = await queryRows(
    own.databaseUrl,
    `select id from sessions where id not in (
      select session_id from search_due union select session_id from search_sessions
    )`,
  )
  assert.deepEqual(unmarked, [])
})

test('an organization with many changed sessions delays no other one', async (t) => {
  const own = await startServer(t)
  const insert = `insert into search_due (session_id, org_id, due_at)
    select 'session_of_others_' || n, 'org_of_others', now() - interval '1 hour' from generate_series(1, 20000) n`
  await runSql(own.databaseUrl, insert)
  const session = await createSession(own, { messages: [spoken('user', 'A patient okapi.')] })
  const found = await eventually(async () => {
    const { body } = await own.call('GET', '/v1/sessions?q=okapi')
    return body.data.length > 0 ? (body.data as Session[]) : undefined
  })
  assert.deepEqual(idsOf(found), [session.id])
  const left = await queryRows(own.databaseUrl, 'select from search_due limit 1')
  assert.equal(left.length, 1)
})

test('the words of a message with large images are found', async () => {
  const pixel =
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=='
  const image = { type: 'image', base64: pixel, media_type: 'image/png' }
  const content = [
    image,
    { type: 'text', text: 'A quagga on a' },
    image,
    { type: 'text', text: 'hill.' },
  ]
  const { id } = await createSession(server, { messages: [{ role: 'user', content }] })
  await indexed()
  const [session] = await search('quagga "on a hill"')
  assert.equal(session?.id, id)
  const text = session.match!.snippet.map(({ text }) => text).join('')
  assert.equal(text, 'A quagga on a hill.')
})

test('times that no calendar has are refused', async () => {
  for (const time of ['0000-01-01T00:00:00Z', '-000001-01-01T00:00:00Z']) {
    for (const name of ['since', 'until']) {
      const { status, body } = await server.call('GET', `/v1/sessions?${name}=${time}`)
      assert.deepEqual([status, body.code], [400, 'invalid_request'], `${name} ${time}`)
    }
  }
  const query = new URLSearchParams({ since: '2026-01-01T00:00:00+16:00' })
  assert.equal((await server.call('GET', `/v1/sessions?${query}`)).status, 200)
})
