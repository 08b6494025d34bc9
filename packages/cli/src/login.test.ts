import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import os from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import {
  createKey,
  type Person,
  registerPerson,
  signInAdmin,
  startGuarded,
} from '../../../apps/server/test/access.ts'
import { beforeAll } from '../../../apps/server/test/hooks.ts'
import { startServer } from '../../../apps/server/test/server.ts'
import { type Answers, runHere } from '../test/here.ts'
import { outlast } from '../test/program.ts'
import { atTerminal } from '../test/terminal.ts'

let server: Awaited<ReturnType<typeof startGuarded>>
let person: Person

beforeAll(async (t) => {
  server = await startGuarded(t as TestContext)
  person = await registerPerson(server)
})

/** A folder for credentials, and commands that use it. */
function newPlace(t: TestContext) {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'outlast-login-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const env = { OUTLAST_CONFIG_DIR: path.join(folder, 'config') }
  const file = path.join(folder, 'config/credentials.json')
  return {
    file,
    saved: () => JSON.parse(readFileSync(file, 'utf8')),
    piped: (args: string[], input = '') => runHere(args, { env, input }),
    typed: (args: string[], answers: Answers = []) => runHere(args, { env, answers, columns: 80 }),
  }
}

const modeOf = (file: string) => statSync(file).mode & 0o777

test('signing in with a password creates a key for this machine, which logout revokes', async (t) => {
  const { typed, piped, saved, file } = newPlace(t)
  const signedIn = await typed(
    ['login'],
    [
      ['Server [http://localhost:9000]:', `${server.url}\r`],
      ['paste an API key):', `${person.email}\r`],
      ['Password:', `${person.password}\r`],
    ],
  )
  assert.equal(signedIn.code, 0, signedIn.stderr)
  assert.match(signedIn.stdout, new RegExp(`Signed in to ${server.url} as ${person.email}`))
  const { api_key, key_id, org_id } = saved().profiles.default
  assert.equal(org_id, person.orgId)
  for (const secret of [api_key, person.password]) {
    assert.ok(!`${signedIn.stdout}${signedIn.stderr}`.includes(secret))
  }
  assert.deepEqual([modeOf(file), modeOf(path.dirname(file))], [0o600, 0o700])
  const keys = await piped(['keys', 'list', '--json'])
  assert.equal(JSON.parse(keys.stdout)[0].name, `outlast on ${os.hostname()}`)
  assert.match((await piped(['status'])).stdout, new RegExp(`User +.*${person.email}`))

  assert.equal((await piped(['logout'])).code, 0)
  assert.deepEqual(saved().profiles.default, { url: server.url, org_id })
  const { body } = await person.call('GET', '/v1/auth/api-keys')
  assert.ok(!body.data.some(({ id }: { id: string }) => id === key_id))
  const refused = await piped(['agents', 'list'])
  assert.equal(refused.code, 4)
  assert.match(refused.stderr, /`outlast login http:\S+`, or pass a key/)
})

test('signing in again revokes the earlier key', async (t) => {
  const { typed, saved } = newPlace(t)
  const args = ['login', server.url, '--email', person.email]
  const ids: string[] = []
  for (let count = 0; count < 2; count += 1) {
    assert.equal((await typed(args, [['Password:', `${person.password}\r`]])).code, 0)
    ids.push(saved().profiles.default.key_id)
  }
  const { body } = await person.call('GET', '/v1/auth/api-keys')
  const left: string[] = body.data.map(({ id }: { id: string }) => id)
  assert.deepEqual(
    ids.map((id) => left.includes(id)),
    [false, true],
  )
})

test('the key of a login expires after 90 days or as the flags set, with their scopes', async (t) => {
  const { typed, saved } = newPlace(t)
  const args = ['login', server.url, '--email', person.email]
  const daysOf = async () => {
    const { body } = await person.call('GET', '/v1/auth/api-keys')
    const made = body.data.find(({ id }: { id: string }) => id === saved().profiles.default.key_id)
    const lasts = Date.parse(made.expires_at) - Date.parse(made.created_at)
    return { days: Math.round(lasts / 86_400_000), scopes: made.scopes }
  }
  const answers: Answers = [['Password:', `${person.password}\r`]]
  const usual = await typed(args, answers)
  assert.match(
    usual.stderr,
    /The key expires on \d{4}-\S+Z \(in \d months\)\. `outlast login` renews it/,
  )
  assert.deepEqual(await daysOf(), { days: 90, scopes: ['*'] })
  const flags = ['--expires-in-days', '7', '--scopes', 'read', '--scopes', 'write']
  assert.equal((await typed([...args, ...flags], answers)).code, 0)
  assert.deepEqual(await daysOf(), { days: 7, scopes: ['read', 'write'] })
  assert.equal((await typed([...args, '--scopes', 'all'], answers)).code, 2)
  assert.equal((await typed([...args, '--expires-in-days', 'x'], answers)).code, 2)
})

test('a wrong password or key exits with 4, saves nothing, and does not suggest a login', async (t) => {
  const { typed, piped, file } = newPlace(t)
  const { code, stderr } = await typed(
    ['login', server.url, '--email', person.email],
    [['Password:', 'not this one\r']],
  )
  assert.equal(code, 4)
  assert.match(stderr, /Wrong e-mail address or password for http/)
  assert.doesNotMatch(stderr, /outlast login/)
  const token = await piped(['login', server.url, '--with-token'], 'evr_wrong\n')
  assert.equal(token.code, 4)
  assert.match(token.stderr, /does not accept this API key/)
  assert.doesNotMatch(token.stderr, /outlast login/)
  assert.throws(() => statSync(file))
})

test('exits with 130 after Ctrl-C at a question', async (t) => {
  const { typed } = newPlace(t)
  const args = ['login', server.url, '--email', person.email]
  assert.equal((await typed(args, [['Password:', '\u0003']])).code, 130)
})

test('only a typed yes confirms, not an empty line, another word, Ctrl-C, Ctrl-D or a closed terminal', async (t) => {
  const { piped, saved, file } = newPlace(t)
  await piped(['login', server.url, '--with-token'], person.tokens.access_token)
  for (const [typed, expected] of [
    ['\r', 1],
    ['yy\r', 1],
    ['yes please\r', 1],
    ['\x03', 130],
    ['\x04', 130],
    ['y', 130],
  ] as const) {
    const env = { OUTLAST_CONFIG_DIR: path.dirname(file) }
    const asked = atTerminal(t, ['profiles', 'delete', 'default'], { env })
    await asked.sees(/Delete profile default\? \[y\/N\] ?$/)
    asked.type(typed)
    if (typed === 'y') {
      await asked.sees(/\[y\/N\] y$/)
      asked.hangUp()
    }
    assert.equal(await asked.code, expected, JSON.stringify(typed))
    assert.ok(saved().profiles.default)
  }
})

test('reads a key from stdin without a terminal, and never prints it', async (t) => {
  const { piped, saved } = newPlace(t)
  const { key } = await createKey(server, person)
  const asked = await piped(['login', server.url])
  assert.equal(asked.code, 2)
  assert.match(asked.stderr, /--with-token/)
  const wrong = await piped(['login', server.url, '--with-token'], 'evr_wrong\n')
  assert.equal(wrong.code, 4)
  const { code, stdout, stderr } = await piped(['login', server.url, '--with-token'], `${key}\n`)
  assert.equal(code, 0)
  assert.equal(saved().profiles.default.api_key, key)
  const listed = await piped(['profiles', 'list', '--json'])
  for (const text of [stdout, stderr, listed.stdout]) assert.ok(!text.includes(key))
  assert.deepEqual(JSON.parse(listed.stdout), [
    { id: 'default', url: server.url, api_key_set: true, org_id: null, is_current: true },
  ])
})

test('status names the profile whose key is used, and orgs list marks the organization of a key', async (t) => {
  const { piped, file } = newPlace(t)
  const { key } = await createKey(server, person)
  await piped(['login', server.url, '--with-token'], key)
  const env = { OUTLAST_CONFIG_DIR: path.dirname(file), OUTLAST_URL: server.url }
  const profileOf = async (ended: ReturnType<typeof runHere>) => {
    const { stdout, stderr } = await ended
    return stderr || JSON.parse(stdout).profile
  }
  assert.equal(await profileOf(runHere(['status', '--json'], { env })), 'default')
  const own = { env: { ...env, OUTLAST_API_KEY: key } }
  assert.equal(await profileOf(runHere(['status', '--json'], own)), null)
  const listed = await piped(['orgs', 'list'])
  assert.match(listed.stdout, new RegExp(`^${person.orgId} .* yes$`, 'm'))
})

test('saves only the URL of a server without authentication', async (t) => {
  const { piped, saved } = newPlace(t)
  const open = await startServer(t)
  assert.equal((await piped(['login', open.url])).code, 0)
  assert.deepEqual(saved(), {
    profiles: { default: { url: open.url } },
    current_profile: 'default',
  })
  assert.equal((await piped(['agents', 'list'])).code, 0)
  const other = await piped(['login', open.url, '--profile', 'other', '--quiet'])
  assert.equal(other.stdout, 'other\n')
  assert.equal((await piped(['profiles', 'use', 'default'])).code, 0)
  assert.equal(saved().current_profile, 'default')
  assert.equal((await piped(['profiles', 'delete', 'default'])).code, 2)
  assert.equal((await piped(['profiles', 'delete', 'default', '--yes'])).code, 0)
  assert.deepEqual(saved(), { profiles: { other: { url: open.url } } })
  assert.equal((await piped(['agents', 'list', '--profile', 'default'])).code, 2)
})

test('sends a saved key to no other origin', async (t) => {
  const { piped } = newPlace(t)
  const { key } = await createKey(server, person)
  await piped(['login', server.url, '--with-token'], key)
  const seen: (string | undefined)[] = []
  const stranger = createServer((request, response) => {
    seen.push(request.headers.authorization)
    response.setHeader('content-type', 'application/json')
    response.end('{"data": [], "total": 0, "offset": 0, "limit": 20}')
  })
  await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve))
  t.after(() => stranger.close())
  const { port } = stranger.address() as { port: number }
  const url = `http://127.0.0.1:${port}`
  await piped(['agents', 'list', '--url', url])
  await piped(['agents', 'list', '--url', url, '--profile', 'default'])
  await piped(['agents', 'list', '--url', url, '--api-key', 'mine'])
  assert.deepEqual(seen, [undefined, undefined, 'Bearer mine'])
})

test('warns about a file that other users can read, and makes it private', async (t) => {
  const { piped, file } = newPlace(t)
  const { key } = await createKey(server, person)
  await piped(['login', server.url, '--with-token'], key)
  chmodSync(file, 0o644)
  const first = await piped(['agents', 'list'])
  assert.equal(first.code, 0)
  assert.match(first.stderr, /Other users of this machine could read/)
  assert.equal(modeOf(file), 0o600)
  assert.equal((await piped(['agents', 'list'])).stderr, '')
})

test('reports a broken file without its content, and only to commands that need it', async (t) => {
  const { piped, file } = newPlace(t)
  const { key } = await createKey(server, person)
  await piped(['login', server.url, '--with-token'], key)
  for (const broken of [
    `{"profiles": {"a": ${key}`,
    `{"profiles": {"${'a'}": {"api_key": "${key}"}}}`,
  ]) {
    writeFileSync(file, broken)
    const needed = await piped(['agents', 'list'])
    assert.equal(needed.code, 2)
    assert.ok(needed.stderr.includes(file))
    assert.ok(!needed.stderr.includes(key), needed.stderr)
    assert.equal((await piped(['completion', 'bash'])).code, 0)
    const given = await piped(['agents', 'list', '--url', server.url, '--api-key', key])
    assert.equal(given.code, 0)
  }
})

test('selects an organization for later commands', async (t) => {
  const { piped, saved } = newPlace(t)
  await piped(['login', server.url, '--with-token'], person.tokens.access_token)
  const made = await piped(['orgs', 'create', 'Second', '--quiet'])
  assert.equal(made.code, 0, made.stderr)
  const id = made.stdout.trim()
  assert.equal((await piped(['orgs', 'select', id])).code, 0)
  const kept = await piped(['orgs', 'retention', id, '30', '--json'])
  assert.equal(JSON.parse(kept.stdout).retention_days, 30)
  const inherited = await piped(['orgs', 'retention', id, 'inherit', '--json'])
  assert.equal(JSON.parse(inherited.stdout).retention_days, null)
  assert.equal(saved().profiles.default.org_id, id)
  assert.match((await piped(['orgs', 'members'])).stdout, new RegExp(person.email))
  const invited = await piped(['orgs', 'invite', 'guest@example.com', '--role', 'viewer', '-q'])
  const token = invited.stdout.trim()
  const guest = await registerPerson(server, { email: 'guest@example.com', invitation: token })
  const role = await piped(['orgs', 'set-role', guest.id, '--role', 'member', '--json'])
  assert.equal(JSON.parse(role.stdout).role, 'member')
  assert.equal((await piped(['orgs', 'remove-member', guest.id, '--yes'])).code, 0)
})

test('a key is about its organization, though its owner has several', async (t) => {
  const { piped } = newPlace(t)
  const owner = await registerPerson(server, { email: 'several@example.com' })
  const { key } = await createKey(server, owner)
  await piped(['login', server.url, '--with-token'], owner.tokens.access_token)
  assert.equal((await piped(['orgs', 'create', 'Second'])).code, 0)
  const byKey = await piped(['orgs', 'members', '--url', server.url, '--api-key', key])
  assert.equal(byKey.code, 0, byKey.stderr)
  assert.match(byKey.stdout, /several@example\.com/)
})

test('deletes an organization after its name is typed, or with --yes', async (t) => {
  const { piped, file } = newPlace(t)
  await piped(['login', server.url, '--with-token'], person.tokens.access_token)
  const make = async (name: string) =>
    (await piped(['orgs', 'create', name, '--quiet'])).stdout.trim()
  const ids = async () => (await piped(['orgs', 'list', '--quiet'])).stdout
  const [short, other] = [await make('Short lived'), await make('Other')]
  const env = { OUTLAST_CONFIG_DIR: path.dirname(file) }
  for (const [typed, code] of [
    ['y\r', 1],
    ['\r', 1],
    ['Short\r', 1],
    ['Short lived\r', 0],
  ] as const) {
    assert.ok((await ids()).includes(short))
    const asked = atTerminal(t, ['orgs', 'delete', short], { env })
    await asked.sees(/Delete organization Short lived .*Type its name to confirm: ?$/s)
    asked.type(typed)
    assert.equal(await asked.code, code, typed)
  }
  assert.ok(!(await ids()).includes(short))
  assert.equal((await piped(['orgs', 'delete', other])).code, 2)
  assert.equal((await piped(['orgs', 'delete', other, '--yes'])).code, 0)
  assert.ok(!(await ids()).includes(other))
  assert.equal((await piped(['orgs', 'delete', other, '--yes'])).code, 5)
})

test('the operator lists and deletes all organizations', async (t) => {
  const { piped } = newPlace(t)
  const guarded = await startGuarded(t)
  const { orgId } = await registerPerson(guarded, { name: 'Owner' })
  const { tokens } = await signInAdmin(guarded)
  await piped(['login', guarded.url, '--with-token'], tokens.access_token)
  assert.match((await piped(['orgs', 'list-all'])).stdout, new RegExp(`${orgId} +Owner`))
  assert.equal((await piped(['orgs', 'delete', orgId, '--yes'])).code, 5)
  assert.equal((await piped(['orgs', 'delete', orgId, '--operator', '--yes'])).code, 0)
  assert.doesNotMatch((await piped(['orgs', 'list-all'])).stdout, new RegExp(orgId))
  assert.equal((await piped(['orgs', 'delete', orgId, '--operator', '--yes'])).code, 5)
})

test('prints a key once, alone with --quiet, and revokes it on deletion', async (t) => {
  const { piped } = newPlace(t)
  const login = ['login', server.url, '--with-token', '--org', person.orgId]
  assert.equal((await piped(login, person.tokens.access_token)).code, 0)
  const made = await piped(['keys', 'create', 'robot', '--scope', 'read', '--quiet'])
  assert.match(made.stdout, /^evr_\S+\n$/)
  const env = { OUTLAST_URL: server.url, OUTLAST_API_KEY: made.stdout.trim() }
  assert.equal((await outlast(['agents', 'list'], { env })).code, 0)
  assert.equal((await outlast(['orgs', 'create', 'Mine'], { env })).code, 4)
  const keys: { id: string; name: string }[] = JSON.parse(
    (await piped(['keys', 'list', '--json'])).stdout,
  )
  const { id } = keys.find(({ name }) => name === 'robot')!
  assert.equal((await piped(['keys', 'delete', id, '--yes'])).code, 0)
})
