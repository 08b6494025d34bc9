import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { builtins } from '../../../../apps/server/src/capabilities/index.ts'
import { createKey, signInAdmin, startGuarded } from '../../../../apps/server/test/access.ts'
import { createTestDatabase, runSql } from '../../../../apps/server/test/database.ts'
import { beforeAll } from '../../../../apps/server/test/hooks.ts'
import { selfSigned } from '../../../../apps/server/test/remotes/certificate.ts'
import { startServer } from '../../../../apps/server/test/server.ts'
import { eventually } from '../../../../apps/server/test/waiting.ts'
import { startPostgresProxy } from '../../../../test/postgres-proxy.ts'
import { runHere } from '../../test/here.ts'
import { type Ended, outlast } from '../../test/program.ts'
import { startHttp } from '../../test/proxy.ts'

type Guarded = Awaited<ReturnType<typeof startGuarded>>
let guarded: Guarded
let admin: Awaited<ReturnType<typeof signInAdmin>>

beforeAll(async (t) => {
  guarded = await startGuarded(t as TestContext, { env: { SSE_HEARTBEAT_MS: '200' } })
  admin = await signInAdmin(guarded)
})

type Way = (args: string[], options: { env: Record<string, string> }) => Promise<Ended>
type DoctorFinding = { check: string; verdict: string; sentence: string; advice?: string }

/** Result of the doctor: exit code, problems, and each check by name. */
async function examined(args: string[], env: Record<string, string> = {}, way: Way = runHere) {
  const ended = await way(['doctor', '--json', ...args], { env })
  assert.equal(ended.stderr, '')
  const { findings } = JSON.parse(ended.stdout) as { findings: DoctorFinding[] }
  const of = (name: string) => findings.findLast(({ check }) => check === name)!
  return { ...ended, findings, of, last: findings.at(-1)! }
}

type Examined = Awaited<ReturnType<typeof examined>>

/** Tries, because a pause of a loaded machine looks like a fault. */
const triesMax = 5

/** Examines again until the findings fit, or it has tried often enough. */
async function examinedUntil(
  fits: (found: Examined) => boolean,
  ...asked: Parameters<typeof examined>
) {
  for (let tries = 1; ; tries += 1) {
    const found = await examined(...asked)
    if (tries === triesMax || fits(found)) return found
  }
}

const isWell = ({ of }: Examined) => of('stream')?.verdict === 'ok'

/** A server of no sense but its health. */
const healthy = (t: Pick<TestContext, 'after'>, version: string, headers: object = {}) =>
  startHttp(t, (_incoming, outgoing) => {
    const health = { status: 'ok', version, auth_mode: 'Full', database: 'ok' }
    outgoing.writeHead(200, { 'content-type': 'application/json', ...headers })
    outgoing.end(JSON.stringify(health))
  })

describe('the connection to the server', { concurrency: true }, () => {
  test('exits with 3 for an address without a server and for an unknown host', async () => {
    for (const [url, sentence] of [
      ['http://127.0.0.1:9', /No server listens/],
      ['http://nowhere.invalid', /nowhere\.invalid/],
    ] as const) {
      const { code, last } = await examined(['--url', url])
      assert.deepEqual([code, last.check, last.verdict], [3, 'address', 'wrong'])
      assert.match(last.sentence, sentence)
    }
  })

  test('reports a certificate that is not trusted, and accepts a trusted one', async (t) => {
    const server = createServer(selfSigned, (_incoming, outgoing) => outgoing.end('{}'))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.after(() => {
      server.closeAllConnections()
      server.close()
    })
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
    const unknown = await examined(['--url', url])
    assert.deepEqual([unknown.code, unknown.last.check], [3, 'address'])
    assert.match(unknown.last.sentence, /is not trusted/)
    assert.match(unknown.last.advice!, /NODE_EXTRA_CA_CERTS/)

    const folder = mkdtempSync(path.join(tmpdir(), 'outlast-'))
    t.after(() => rmSync(folder, { recursive: true }))
    const file = path.join(folder, 'authority.pem')
    writeFileSync(file, selfSigned.cert)
    const trusted = await examined(['--url', url], { NODE_EXTRA_CA_CERTS: file }, outlast)
    assert.equal(trusted.of('address').verdict, 'ok')
    assert.match(trusted.of('address').sentence, /certificate is valid for/)
  })

  test('reports https requests to an http port', async () => {
    const { code, last } = await examined(['--url', guarded.url.replace('http:', 'https:')])
    assert.equal(code, 3)
    assert.match(last.sentence, /does not use TLS/)
  })

  test('rejects a page, an empty response and a rate limit as the server', async (t) => {
    for (const [status, type, body, sentence] of [
      [200, 'text/html', '<html>', /not from Outlast: 200 with text\/html/],
      [200, 'application/json', '{}', /not from Outlast/],
      [404, 'text/plain', 'no', /not from Outlast: 404/],
      [429, 'application/json', '{"error":"Too many.","code":"rate_limited"}', /Too many\.$/],
    ] as const) {
      const url = await startHttp(t, (_incoming, outgoing) => {
        outgoing.writeHead(status, { 'content-type': type }).end(body)
      })
      const { code, last } = await examined(['--url', url])
      assert.deepEqual([code, last.check, last.verdict], [3, 'server', 'wrong'])
      assert.match(last.sentence, sentence)
    }
  })

  test('warns about a server of another version, and names the side to upgrade', async (t) => {
    for (const [version, advice] of [
      ['0.0.9', /Upgrade the server/],
      ['0.2.0', /Install version 0\.2\.0/],
      ['12.0.0', /Install version 12\.0\.0/],
    ] as const) {
      const { of } = await examined(['--url', await healthy(t, version)])
      assert.equal(of('version').verdict, 'warning')
      assert.match(of('version').advice!, advice)
    }
    assert.equal((await examined(['--url', await healthy(t, '0.1.7')])).of('version').verdict, 'ok')
  })

  test('warns about a wrong clock', async (t) => {
    const date = new Date(Date.now() - 90_000).toUTCString()
    const { of } = await examined(['--url', await healthy(t, '0.1.0', { date })])
    assert.equal(of('clock').verdict, 'warning')
    assert.match(of('clock').sentence, /\d+(\.\d)? \w+ behind/)
  })

  test('reports an unreachable database, and skips the checks that need it', async (t) => {
    const proxy = await startPostgresProxy(await createTestDatabase(t))
    t.after(proxy.close)
    const { url } = await startServer(t, { databaseUrl: proxy.url })
    proxy.refuse()
    await eventually(async () => {
      const { database } = (await (await fetch(`${url}/health`)).json()) as { database: string }
      return database !== 'ok'
    })
    const { code, last } = await examined(['--url', url])
    assert.deepEqual([code, last.check, last.verdict], [1, 'database', 'wrong'])
    proxy.pass()
  })
})

test('runs all checks with an administrator key, without printing the key', async () => {
  const { key } = await createKey(guarded, admin)
  const isAlive = (found: Examined) =>
    isWell(found) && /^1 node is alive/.test(found.of('nodes')?.sentence)
  const env = { OUTLAST_API_KEY: key }
  const { of, stdout } = await examinedUntil(isAlive, ['--url', guarded.url], env)
  assert.match(of('access').sentence, /admin@example\.com in org_/)
  assert.match(of('nodes').sentence, /^1 node is alive/)
  assert.equal(of('stream').verdict, 'ok')
  assert.ok(!stdout.includes(key))
})

describe('access', { concurrency: true }, () => {
  test('distinguishes a missing, a wrong and an expired key', async () => {
    const { id, key } = await createKey(guarded, admin)
    await runSql(
      guarded.databaseUrl,
      `update api_keys set expires_at = now() - interval '1 day' where id = '${id}'`,
    )
    for (const [secret, sentence] of [
      [undefined, /there is none/],
      [`evr_${'0'.repeat(64)}`, /Invalid API key\.$/],
      ['rubbish', /refuses the key/],
      [key, /expired/],
    ] as const) {
      const env: Record<string, string> = secret === undefined ? {} : { OUTLAST_API_KEY: secret }
      const isRefused = ({ last }: Examined) => last.check === 'access'
      const { code, last, stdout } = await examinedUntil(isRefused, ['--url', guarded.url], env)
      assert.deepEqual([code, last.check, last.verdict], [1, 'access', 'wrong'])
      assert.match(last.sentence, sentence)
      assert.ok(last.advice)
      assert.ok(secret === undefined || !stdout.includes(secret))
    }
  })

  test('tests no provider with a read-only key, and follows an existing session', async () => {
    const agent = (await admin.call('GET', '/v1/agents')).body.data[0].id
    await admin.call('POST', '/v1/sessions', { agent_id: agent })
    const vendor = { name: 'Vendor', provider_type: 'openai', api_key: 'sk-nothing' }
    const { id } = (await admin.call('POST', '/v1/llm-providers', vendor)).body
    const { key } = await createKey(guarded, admin, { scopes: ['read'] })
    const env = { OUTLAST_API_KEY: key }
    const { findings, of } = await examinedUntil(isWell, ['--url', guarded.url], env)
    assert.ok(
      findings.some(({ check, sentence }) => check === 'models' && /Not checked/.test(sentence)),
    )
    assert.equal(of('stream').verdict, 'ok')
    await admin.call('DELETE', `/v1/llm-providers/${id}`)
  })

  test('warns about a key that expires soon', async () => {
    const { key } = await createKey(guarded, admin, { expires_in_days: 2 })
    const env = { OUTLAST_API_KEY: key }
    const isRead = ({ of }: Examined) => of('access') !== undefined
    const { of } = await examinedUntil(isRead, ['--url', guarded.url], env)
    assert.equal(of('access').verdict, 'warning')
    assert.match(of('access').sentence, /expires in/)
  })
})

describe('providers and nodes', { concurrency: true }, () => {
  test('reports a failing provider with the error of its vendor', async (t) => {
    const { url, call } = await startServer(t, { env: { SSE_HEARTBEAT_MS: '200' } })
    const vendor = await startHttp(t, (_incoming, outgoing) => {
      outgoing.writeHead(401, { 'content-type': 'application/json' })
      outgoing.end('{"error":{"message":"Incorrect API key"}}')
    })
    const provider = { name: 'Broken', provider_type: 'openai', api_key: 'sk-no', base_url: vendor }
    const { id } = (await call('POST', '/v1/llm-providers', provider)).body
    await call('POST', `/v1/llm-providers/${id}/models`, { model_id: 'm', display_name: 'M' })
    const wrongIn = ({ findings }: Examined) =>
      findings.filter(({ verdict }) => verdict === 'wrong')
    const found = await examinedUntil((one) => wrongIn(one).length === 1, ['--url', url])
    const { code, stdout } = found
    assert.equal(code, 1)
    const wrong = wrongIn(found)
    assert.deepEqual(
      wrong.map(({ check }) => check),
      ['models'],
    )
    assert.match(wrong[0]!.sentence, /^Broken with m: /)
    assert.ok(!stdout.includes('sk-no'))
  })

  test('says how a provider without a model gets one', async (t) => {
    const { url, call } = await startServer(t, { env: { SSE_HEARTBEAT_MS: '200' } })
    const base_url = 'https://models.invalid/v1'
    const provider = { name: 'Empty', provider_type: 'openai_completions', base_url }
    const { id } = (await call('POST', '/v1/llm-providers', provider)).body
    const { stdout } = await examinedUntil(({ code }) => code === 1, ['--url', url])
    assert.match(stdout, new RegExp(`outlast providers sync-models ${id}`))
  })

  test('reports a draining node, and that no node takes turns', async (t) => {
    const { url, call } = await startServer(t, { env: { SSE_HEARTBEAT_MS: '200' } })
    const [{ id }] = (await call('GET', '/v1/durable/workers')).body.data
    await call('POST', `/v1/durable/workers/${id}/drain`)
    const isIdle = ({ findings }: Examined) =>
      findings.some(({ sentence }) => sentence === 'No node takes turns.')
    const found = await examinedUntil(isIdle, ['--url', url])
    const { code, findings } = found
    assert.deepEqual([code, isIdle(found)], [1, true])
    assert.ok(findings.some(({ advice }) => advice?.includes(`outlast workers resume ${id}`)))
  })
})

test('warns about nodes with different capabilities, and names the nodes of each hash', async (t) => {
  const capabilities = builtins.slice(1)
  const { databaseUrl, url, call } = await startServer(t)
  const same = await examined(['--url', url])
  assert.ok(!same.stdout.includes('different capabilities'), same.stdout)
  await startServer(t, { databaseUrl, capabilities })
  const isTold = ({ stdout }: Examined) => /Nodes have different capabilities/.test(stdout)
  const { stdout } = await examinedUntil(isTold, ['--url', url])
  assert.match(stdout, /Nodes have different capabilities/)
  const { body } = await call('GET', '/v1/durable/workers')
  for (const { id, catalog_hash } of body.data)
    assert.ok(stdout.includes(`${catalog_hash} on ${id}`))
})

test('warns about keys that other users can read, and about settings that are not writable', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'outlast-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = path.join(folder, 'credentials.json')
  writeFileSync(file, '{"profiles":{}}', { mode: 0o644 })
  const args = ['doctor', '--url', 'http://127.0.0.1:9']
  const { stdout } = await runHere(args, { env: { OUTLAST_CONFIG_DIR: folder } })
  assert.ok(/chmod 600/.test(stdout) || (statSync(file).mode & 0o077) === 0, stdout)
  const below = path.join(file, 'folder')
  const lost = await examined(['--url', 'http://127.0.0.1:9'], { OUTLAST_CONFIG_DIR: below })
  assert.match(lost.of('settings').sentence, /is not writable/)
})

test('prints a line for each check and a summary, one value as JSON, and names with --quiet', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'outlast-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const args = ['doctor', '--url', 'http://127.0.0.1:9']
  const env = { OUTLAST_CONFIG_DIR: folder }
  const { code, stdout } = await runHere(args, { env })
  assert.equal(code, 3)
  assert.match(stdout, /^ok {7}settings {2}\S/)
  assert.match(stdout, /\nwrong {4}address {3}No server listens.*\n {19}→ .*\n1 problem\.\n$/)
  assert.equal((await runHere([...args, '--quiet'], { env })).stdout, 'address\n')
  const usage = await runHere([...args, '--streams-for', '0'])
  assert.equal(usage.code, 2)
})
