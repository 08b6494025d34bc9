import assert from 'node:assert/strict'
import { createServer, type RequestListener } from 'node:http'
import { type TestContext, test } from 'node:test'
import { runHere } from '../test/here.ts'
import { nouns } from './commands/index.ts'

/** A server that is not ours; gives its URL. */
async function serve(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close().closeAllConnections())
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`
}

const json =
  (body: unknown): RequestListener =>
  (_request, response) => {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(body))
  }

const digits = '0'.repeat(32)
const uuid = '00000000-0000-7000-8000-000000000000'

/** A complete id for each positional argument. */
const ids: Record<string, string> = {
  '<agent>': `agent_${digits}`,
  '<session>': `session_${digits}`,
  '<message>': `message_${digits}`,
  '<provider>': `provider_${digits}`,
  '<model>': `model_${digits}`,
  '<server>': `mcp_${digits}`,
  '<schedule>': uuid,
  '<webhook>': `wh_${digits}`,
  '<alert>': `alert_${digits}`,
  '<key>': uuid,
  '<account>': uuid,
  '<org>': `org_${digits}`,
  '<worker>': `node_${digits}`,
  '<turn>': `turn_${digits}`,
  '<capability>': 'mcp:x',
}

/** Commands that search a list for the id. */
const searching = ['accounts get', 'keys get', 'workers get', 'messages get']

/** Every command that only reads, with an argument for each of its words. */
async function readingCommands(): Promise<string[][]> {
  const verbs = [
    'list',
    'get',
    'why',
    'preview',
    'runs',
    'firings',
    'stats',
    'health',
    'members',
    'invitations',
  ]
  const all: string[][] = []
  for (const [name, { load }] of Object.entries(nouns)) {
    if (name === 'profiles' || name === 'files') continue
    for (const [verb, { positionals }] of Object.entries(await load())) {
      if (!verbs.includes(verb) && name !== 'status') continue
      // Bytes are not printed at a terminal.
      if (name === 'images' && verb === 'get') continue
      const words = positionals
        .filter((word) => word.startsWith('<'))
        .map((word) => ids[word] ?? 'x')
      all.push([name, verb, ...words].filter((word) => word !== ''))
    }
  }
  return all
}

async function everyCommandSurvives(url: string): Promise<void> {
  for (const args of await readingCommands()) {
    const { code, stderr } = await runHere([...args, '--org', 'org_1'], {
      columns: 80,
      env: { OUTLAST_URL: url },
    })
    const expected = searching.includes(args.slice(0, 2).join(' ')) ? 5 : 0
    assert.equal(code, expected, `${args.join(' ')}: ${stderr}`)
  }
}

test('prints dashes for fields that a server omits', async (t) => {
  const url = await serve(t, json({ data: [{ id: 'thing_1' }, {}], total: 2, offset: 0, limit: 2 }))
  await everyCommandSurvives(url)
  const { stdout } = await runHere(['agents', 'list'], { env: { OUTLAST_URL: url } })
  assert.match(stdout, /^thing_1 +- +- +- +- +-$/m)
})

test('prints unknown values of newer servers unchanged', async (t) => {
  const odd = {
    id: 'thing_1',
    name: { text: 'an object' },
    title: 7,
    status: 'hibernating',
    waiting_for: { type: 'the moon' },
    capabilities: 'all',
    tools: null,
    tags: null,
    usage: { tokens: 1 },
    created_at: 'yesterday',
    updated_at: 12,
    provider_type: 'quantum',
    headers: null,
    target: 'nothing',
    profile: null,
    scopes: null,
    content: null,
    config_schema: 'none',
    warnings: null,
    problems: null,
    workers: null,
  }
  const url = await serve(t, json({ ...odd, data: [odd], total: 1, offset: 0, limit: 1 }))
  await everyCommandSurvives(url)
  const { stdout } = await runHere(['agents', 'list'], { env: { OUTLAST_URL: url } })
  assert.match(stdout, /hibernating/)
})

test('exits with 3 for another server, and prints its URL', async (t) => {
  const page = await serve(t, (_request, response) => {
    response.setHeader('content-type', 'text/html')
    response.end('<html>\u001b[2J Sign in</html>')
  })
  const { code, stdout, stderr } = await runHere(['agents', 'list', '--url', page])
  assert.deepEqual([code, stdout], [3, ''])
  assert.ok(stderr.includes(page))
})

test('removes control sequences from server errors', async (t) => {
  const url = await serve(t, (_request, response) => {
    response.writeHead(400, { 'content-type': 'application/json' })
    const details = [{ path: 'a\u001b[2J', message: 'b\u0007' }]
    response.end(JSON.stringify({ error: 'bad \u001b]0;x\u0007', code: 'invalid', details }))
  })
  const { code, stderr } = await runHere(['agents', 'list', '--url', url], { columns: 80 })
  assert.equal(code, 1)
  assert.equal(stderr, 'outlast: bad \n  a: b \n')
})
