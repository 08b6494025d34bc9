import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { beforeAll } from '../../../apps/server/test/hooks.ts'
import { startServer } from '../../../apps/server/test/server.ts'
import { eventually } from '../../../apps/server/test/waiting.ts'
import { printedBy, runHere } from '../test/here.ts'
import { outlast } from '../test/program.ts'
import { startHttp } from '../test/proxy.ts'

let url: string
let agent: string

beforeAll(async (t) => {
  const server = await startServer(t as TestContext)
  url = server.url
  const { body } = await server.call('GET', '/v1/agents')
  agent = body.data.find(({ name }: { name: string }) => name === 'Assistant').id
})

const cli = (args: string[], input = '') => runHere(args, { env: { OUTLAST_URL: url }, input })

const made = async (args: string[]) => JSON.parse(await printedBy(cli([...args, '--json'])))

const idOf = async (args: string[]) => (await cli([...args, '--quiet'])).stdout.trim()

test('pins a session, and gives it a prompt and a locale', async () => {
  const settings = ['--system-prompt', 'Be brief.', '--locale', 'uk-UA']
  const session = await made(['sessions', 'create', '-a', agent, ...settings])
  assert.deepEqual([session.system_prompt, session.locale], ['Be brief.', 'uk-UA'])
  const pinned = async () =>
    (await made(['sessions', 'list', '--pinned'])).map((one: { id: string }) => one.id)
  assert.equal((await made(['sessions', 'pin', session.id])).is_pinned, true)
  assert.deepEqual(await pinned(), [session.id])
  assert.equal((await made(['sessions', 'unpin', session.id])).is_pinned, false)
  assert.deepEqual(await pinned(), [])
})

test('--reason is in the audit log', async () => {
  const reason = 'Заміна: OPS-7'
  const session = await made(['sessions', 'create', '-a', agent])
  const change = ['sessions', 'update', session.id, '--title', 'New', '--reason', reason]
  await made(change)
  const entries = await made(['audit', 'list', '--target', session.id])
  assert.deepEqual(
    entries.map((one: { reason: string }) => one.reason),
    [reason],
  )
  const secret = await cli([...change.slice(0, -1), `key sk-${'a1'.repeat(12)}`])
  assert.notEqual(secret.code, 0)
  assert.match(secret.stderr, /looks like a credential/)
})

test('finds a session by its key, and moves the key by a fork and a retake', async () => {
  const create = ['sessions', 'create', '-a', agent, '--key', 'chat-1']
  const id = await idOf(create)
  assert.equal(await idOf(create), id)
  const keyed = async () =>
    (await made(['sessions', 'list', '--key', 'chat-1'])).map((one: { id: string }) => one.id)
  assert.deepEqual(await keyed(), [id])
  await cli(['messages', 'send', id, 'Hello', '--wait'])
  const [message] = await made(['messages', 'list', id])
  const retaken = await made(['sessions', 'retake', id, message.id, 'Good morning'])
  assert.equal(retaken.message.content[0].text, 'Good morning')
  assert.deepEqual(await keyed(), [retaken.id])
  const old = (await cli(['sessions', 'get', id])).stdout
  assert.match(old, new RegExp(`Superseded by +${retaken.id}`))
  const fork = await idOf(['sessions', 'fork', retaken.id, '--take-key'])
  assert.deepEqual(await keyed(), [fork])
})

test('creates, uses, forks, finds and deletes a session', async () => {
  const id = await idOf(['sessions', 'create', '-a', agent, '--title', 'Sums', '-t', 'mine'])
  const answer = await cli(['messages', 'send', id, 'What', 'is', '6 times 7?', '--wait'])
  assert.equal(answer.code, 0)
  assert.match(answer.stdout, /42/)
  const found = await made(['sessions', 'list', '--tag', 'mine', '--search', 'Sum', '-a', agent])
  assert.deepEqual(
    found.map((one: { id: string }) => one.id),
    [id],
  )
  const fork = await made(['sessions', 'fork', id, '--at', '2', '--title', 'Half'])
  assert.deepEqual(fork.forked_from, { session_id: id, sequence: 2 })
  assert.match((await cli(['sessions', 'why', id])).stdout, /idle/)
  assert.equal((await made(['sessions', 'cancel', id])).status, 'no_op')
  assert.match((await cli(['sessions', 'preview', id])).stdout, /get_weather/)
  assert.equal((await made(['sessions', 'update', id, '--title', 'Products'])).title, 'Products')
  const grants = ['--access', 'write', '--files', 'read', '--tool-result', 'pick_colour']
  const token = await made(['sessions', 'token', id, ...grants])
  assert.deepEqual(
    [token.access, token.files, token.view, token.tool_results, token.models],
    ['write', 'read', 'chat', ['pick_colour'], []],
  )
  assert.match((await cli(['sessions', 'tokens', id])).stdout, new RegExp(token.id))
  assert.equal((await cli(['sessions', 'revoke-token', id, token.id])).code, 0)
  assert.deepEqual(await made(['sessions', 'tokens', id]), [])
  assert.equal((await made(['sessions', 'hold', id])).legal_hold, true)
  const held = await made(['sessions', 'list', '--held'])
  assert.deepEqual(
    held.map((one: { id: string }) => one.id),
    [id],
  )
  assert.match((await cli(['sessions', 'delete', id, '-y'])).stderr, /legal hold/)
  assert.equal((await made(['sessions', 'release', id])).legal_hold, false)
  assert.equal((await cli(['sessions', 'delete', id])).code, 2)
  assert.equal((await cli(['sessions', 'delete', id, '-y'])).code, 0)
  const gone = await cli(['sessions', 'get', id])
  assert.deepEqual([gone.code, gone.stdout], [5, ''])
})

test('acts on several sessions, prints each result and fails if one fails', async () => {
  const one = await idOf(['sessions', 'create', '-a', agent])
  const other = await idOf(['sessions', 'create', '-a', agent])
  const missing = `session_${'0'.repeat(32)}`
  const tagged = await cli(['sessions', 'update', one, missing, other, '-t', 'checked'])
  assert.equal(tagged.code, 5)
  assert.match(tagged.stderr, new RegExp(`^outlast: ${missing}: .*not found`, 'i'))
  assert.equal(tagged.stdout, `Changed session ${one}.\nChanged session ${other}.\n`)
  const found = await made(['sessions', 'list', '--tag', 'checked'])
  assert.deepEqual(
    found.map(({ id }: { id: string }) => id),
    [other, one],
  )
  const shortened = other.slice(0, -1)
  const cancelled = await cli(['sessions', 'cancel', one, shortened])
  assert.equal(cancelled.code, 0)
  assert.equal(cancelled.stdout, `No turn of ${one} runs.\nNo turn of ${other} runs.\n`)
  const { stdout } = await cli(['sessions', 'cancel', one, other, '--json'])
  const results = stdout.trimEnd().split('\n')
  assert.deepEqual(
    results.map((line) => JSON.parse(line).id),
    [one, other],
  )
  const retried = await cli(['sessions', 'retry', one, other])
  assert.equal(retried.code, 1)
  assert.equal(retried.stderr.match(/^outlast: session_/gm)?.length, 2)
  assert.equal((await cli(['sessions', 'delete', one, other])).code, 2)
  await cli(['sessions', 'hold', one])
  const deleted = await cli(['sessions', 'delete', one, other, other, '-y', '--quiet'])
  assert.deepEqual([deleted.code, deleted.stdout], [1, `${other}\n`])
  assert.match(deleted.stderr, new RegExp(`^outlast: ${one}: .*legal hold`))
  await cli(['sessions', 'release', one])
  assert.equal((await cli(['sessions', 'delete', one, '-y'])).code, 0)
  assert.equal((await cli(['sessions', 'cancel'])).code, 2)
})

test('creates and revokes tokens of an end user, and exports and deletes the user', async () => {
  const user = 'customer/1 of ../2'
  const id = await idOf(['sessions', 'create', '-a', agent, '--user', user])
  const ids = async (args: string[]) => (await made(args)).map((one: { id: string }) => one.id)
  assert.deepEqual(await ids(['sessions', 'list', '--user', user]), [id])
  assert.match((await cli(['sessions', 'get', id])).stdout, /customer\/1 of/)
  const token = await made(['end-users', 'token', user, '-a', agent, '--access', 'approve'])
  assert.deepEqual([token.user, token.access, token.agent_ids.length], [user, 'approve', 1])
  assert.deepEqual(await ids(['end-users', 'tokens', '--user', user]), [token.id])
  const exported = (await cli(['end-users', 'export', user])).stdout
  assert.match(exported, new RegExp(id))
  assert.match(exported, /"type":"end_of_user","sessions":1/)
  assert.equal((await cli(['end-users', 'revoke-token', token.id])).code, 0)
  assert.deepEqual(await ids(['end-users', 'tokens', '--user', user]), [])
  assert.equal((await cli(['end-users', 'delete', user])).code, 2)
  assert.equal((await made(['end-users', 'delete', user, '-y'])).sessions, 1)
  assert.equal((await cli(['sessions', 'get', id])).code, 5)
})

test('sends messages from arguments or stdin, and lists each in one line', async () => {
  const id = await idOf(['sessions', 'create', '-a', agent])
  const sent = await cli(['messages', 'send', id], 'first line\nsecond line\n')
  assert.match(sent.stdout, /^Sent message message_[0-9a-f]{32}\.\n$/)
  const queued = ['messages', 'send', id, '--on-busy', 'queue', '-t', 'late', '--', '--hello']
  const { stdout: json } = await cli(queued.toSpliced(3, 0, '--json'))
  const message = JSON.parse(json)
  assert.deepEqual(message.tags, ['late'])
  assert.equal(message.content[0].text, '--hello')
  const { stdout } = await cli(['messages', 'list', id])
  assert.match(stdout, /user +first line second line/)
  const empty = await cli(['messages', 'send', id], ' \n')
  assert.deepEqual([empty.code, empty.stdout], [2, ''])
})

test('--wait prints only the answer to stdout, and the whole result as JSON', async () => {
  const id = await idOf(['sessions', 'create', '-a', agent])
  const args = ['messages', 'send', id, '--wait', '--url', url]
  const { code, stdout, stderr } = await outlast([...args, '--quiet'], { input: 'Hello there' })
  assert.deepEqual([code, stderr], [0, ''])
  assert.match(stdout, /Hello there/)
  const answer = await made([...args, 'And you?'])
  assert.equal(answer.outcome, 'completed')
  assert.match(answer.turnId, /^turn_/)
})

test('reports a call that waits for approval, which another client decides on', async () => {
  const config = 'current_time={"requires_approval": true}'
  const id = await idOf(['sessions', 'create', '-a', agent, '-c', config])
  const waiting = cli(['messages', 'send', id, 'What time is it?', '--wait'])
  const call = await eventually(async () => {
    const { waiting_for } = await made(['sessions', 'get', id])
    return waiting_for?.tool_call_ids[0] as string | undefined
  })
  assert.match((await cli(['sessions', 'list'])).stdout, /waiting for approval/)
  const denied = await cli(['sessions', 'deny', id, call, '--reason', 'Not now.'])
  assert.match(denied.stdout, new RegExp(`^Denied ${call}`))
  const { code, stderr } = await waiting
  assert.equal(code, 0)
  assert.match(stderr, /waits for approval of get_current_time/)
  assert.equal((await cli(['sessions', 'approve', id, call])).code, 1)
})

const isWindows = process.platform === 'win32'

test('writes into a pipe or a device instead of replacing it', { skip: isWindows }, async (t) => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'outlast-export-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const pipe = path.join(folder, 'pipe')
  assert.equal(spawnSync('mkfifo', [pipe]).status, 0)
  const id = await idOf(['sessions', 'create', '-a', agent])
  const reading = readFile(pipe, 'utf8')
  assert.equal((await cli(['sessions', 'export', id, '-o', pipe])).code, 0)
  assert.match(await reading, /^\{"type":"session"/)
  assert.ok(statSync(pipe).isFIFO())
  assert.deepEqual(readdirSync(folder), ['pipe'])
})

test('exports the same to a file and to stdout, and no file after a failure', async (t) => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'outlast-export-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const id = await idOf(['sessions', 'create', '-a', agent])
  await cli(['messages', 'send', id, 'Hello', '--wait'])
  const file = path.join(folder, 'session.jsonl')
  const { code, stderr } = await cli(['sessions', 'export', id, '-o', file])
  assert.equal(code, 0)
  assert.match(stderr, /^Wrote .* KiB\)\.\n$/)
  const lines = readFileSync(file, 'utf8')
  assert.equal((await cli(['sessions', 'export', id])).stdout, lines)
  for (const line of lines.trimEnd().split('\n')) JSON.parse(line)
  const nowhere = await cli(['sessions', 'export', id, '-o', path.join(folder, 'no/where')])
  assert.equal(nowhere.code, 2)
  assert.match(nowhere.stderr, /cannot be written: it does not exist/)
  const unknown = `session_${'0'.repeat(32)}`
  assert.equal((await cli(['sessions', 'export', unknown, '-o', file])).code, 5)
  assert.equal(readFileSync(file, 'utf8'), lines)
  assert.deepEqual(readdirSync(folder), ['session.jsonl'])
})

test('Ctrl-C ends an export at once, also without new parts, and leaves no file', async (t) => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'outlast-export-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const hanging = await startHttp(t, (_incoming, outgoing) => {
    outgoing.writeHead(200, { 'content-type': 'application/x-ndjson' })
    for (let part = 0; part < 100; part += 1) outgoing.write('{}\n'.repeat(1_000))
  })
  const interrupted = new AbortController()
  const { signal } = interrupted
  const file = path.join(folder, 'session.jsonl')
  const args = ['sessions', 'export', `session_${'0'.repeat(32)}`, '-o', file, '--url', hanging]
  const exporting = runHere(args, { signal })
  const written = () => readdirSync(folder).map((name) => statSync(path.join(folder, name)).size)
  await eventually(async () => written()[0] === 300_000)
  interrupted.abort()
  const { code, stderr } = await exporting
  assert.deepEqual([code, stderr.includes('    at ')], [130, false])
  assert.deepEqual(readdirSync(folder), [])
})
