import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { type JWTPayload, UnsecuredJWT } from 'jose'
import { expectStatus } from '../../../../test/access.ts'
import { channelClient, newKey, openChannel } from '../../../../test/channel.ts'
import { beforeAll } from '../../../../test/hooks.ts'
import {
  issuerClient,
  newSigner,
  nowSeconds,
  openPort,
  startTokenIssuer,
} from '../../../../test/remotes/token-issuer.ts'
import { startServer } from '../../../../test/server.ts'
import { eventually } from '../../../../test/waiting.ts'

let server: Awaited<ReturnType<typeof startServer>>
let issuer: Awaited<ReturnType<typeof startTokenIssuer>>

beforeAll(async (t) => {
  issuer = await startTokenIssuer(t as TestContext)
  const env = { PRIVATE_HOSTS_ALLOWED: 'identity=127.0.0.1' }
  server = await startServer(t as TestContext, { env })
})

const audience = 'support-app'

const oidc = (requirements: object = { audiences: [audience] }) => ({
  mode: 'oidc',
  provider: { issuer: issuer.issuer },
  requirements,
})

const introspection = (provider: object = {}) => ({
  mode: 'oauth2_introspection',
  provider: {
    introspection_url: `${issuer.issuer}/token/introspection`,
    client_id: issuerClient.id,
    client_secret: issuerClient.secret,
    ...provider,
  },
})

/** Opens a channel, and returns callers by token. */
async function openTo(...methods: object[]) {
  const channel = await openChannel(server, { config: { auth_methods: methods } })
  const by = (token: string, user?: string) => channelClient(server.url, channel.id, token, user)
  return { ...channel, by }
}

const claimsOf = (sub: unknown, more: object = {}) =>
  ({
    iss: issuer.issuer,
    aud: audience,
    sub,
    iat: nowSeconds(),
    exp: nowSeconds() + 300,
    ...more,
  }) as JWTPayload

test('a signed token of an issuer is one end user of the channel', async () => {
  const channel = await openTo(oidc({ audiences: [issuer.api], scopes: ['chat'] }))
  const ada = channel.by(await issuer.signedToken('ada'))
  const bob = channel.by(await issuer.signedToken('bob'))
  const id = await ada.create({ title: 'Hers' })
  expectStatus(await ada.say(id, 'Hello'), 201)
  const again = channel.by(await issuer.signedToken('ada'))
  assert.equal(expectStatus(await again.call('GET', `/sessions/${id}`), 200).title, 'Hers')
  expectStatus(await bob.call('GET', `/sessions/${id}`), 404)
  expectStatus(await channel.call('GET', `/sessions/${id}`), 404)
  expectStatus(await channel.as('ada').call('GET', `/sessions/${id}`), 404)
  const session = expectStatus(await server.call('GET', `/v1/sessions/${id}`), 200)
  assert.equal(session.user, 'ada')
  const named = channel.by(ada.secret, 'bob')
  expectStatus(await named.call('GET', '/sessions'), 403, 'end_user_not_allowed')
  expectStatus(await ada.call('POST', '/runtime-auth'), 401, 'invalid_token')
  const { auth } = expectStatus(await ada.call('GET', ''), 200)
  assert.deepEqual(auth.at(-1), { type: 'oidc', issuer: issuer.issuer })
})

test('the same subject of two issuers is two people', async (t) => {
  const second = await startTokenIssuer(t)
  const other = { mode: 'oidc', provider: { issuer: second.issuer } }
  const channel = await openTo(oidc(), other, introspection())
  const one = channel.by(await issuer.sign(claimsOf('ada')))
  const two = channel.by(await second.sign(claimsOf('ada', { iss: second.issuer })))
  const three = channel.by((await issuer.opaqueToken('ada')).text)
  const callers = [one, two, three]
  for (const caller of callers) {
    const id = await caller.create()
    for (const each of callers) {
      const status = each === caller ? 200 : 404
      assert.equal((await each.call('GET', `/sessions/${id}`)).status, status)
    }
  }
})

test('refuses tokens that are forged, expired, early, or for others', async () => {
  const channel = await openTo(oidc({ audiences: [audience], claims: { tenant: 7 } }))
  const good = claimsOf('ada', { tenant: 7 })
  const stranger = await newSigner('key-1')
  const pem = JSON.stringify(issuer.publicJwk)
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const signedWithPublicKey = (alg: string) => {
    const text = `${part({ alg, kid: 'key-1' })}.${part(good)}`
    return `${text}.${createHmac('sha256', pem).update(text).digest('base64url')}`
  }
  const [head, , signature] = (await issuer.sign(good)).split('.')
  const wrong: [string, string][] = [
    ['no algorithm', new UnsecuredJWT(good).encode()],
    ['HMAC with the public key', signedWithPublicKey('HS256')],
    ['HMAC named RS256', signedWithPublicKey('RS256')],
    ['another key with the same id', await stranger.sign(good)],
    ['changed claims', `${head}.${part({ ...good, sub: 'root' })}.${signature}`],
    ['a wrong issuer', await issuer.sign({ ...good, iss: 'https://other.example.com' })],
    ['an issuer with a slash', await issuer.sign({ ...good, iss: `${issuer.issuer}/` })],
    ['a wrong audience', await issuer.sign({ ...good, aud: ['other-app'] })],
    ['no audience', await issuer.sign({ ...good, aud: undefined } as never)],
    ['a wrong claim', await issuer.sign({ ...good, tenant: '7' })],
    ['expired', await issuer.sign({ ...good, exp: nowSeconds() - 60 })],
    ['no expiry', await issuer.sign({ ...good, exp: undefined } as never)],
    ['an expiry that is no number', await issuer.sign({ ...good, exp: 'never' } as never)],
    ['not valid yet', await issuer.sign({ ...good, nbf: nowSeconds() + 300 })],
    ['no subject', await issuer.sign({ ...good, sub: undefined } as never)],
    ['an empty subject', await issuer.sign({ ...good, sub: '' })],
    ['a subject that is no text', await issuer.sign({ ...good, sub: { id: 'ada' } } as never)],
    ['a subject with blanks at an end', await issuer.sign({ ...good, sub: ' ada' })],
    ['a subject of 300 characters', await issuer.sign({ ...good, sub: 'a'.repeat(300) })],
    ['a subject of 10 KB', await issuer.sign({ ...good, sub: 'a'.repeat(10_240) })],
    ['a huge token', await issuer.sign({ ...good, more: 'a'.repeat(9_000) })],
    ['a critical header', await issuer.sign(good, { crit: ['x'], x: 1 }).catch(() => 'a.b.c')],
    ['no token', 'not-a-token'],
    ['dots', '...'],
  ]
  for (const [what, token] of wrong) {
    const answer = await channel.by(token).call('GET', '/sessions')
    assert.deepEqual([answer.status, answer.body.code], [401, 'invalid_token'], what)
  }
  expectStatus(await channel.by(await issuer.sign(good)).call('GET', '/sessions'), 200)
})

test('a token opens only channels that trust its issuer, and nothing else', async () => {
  const [trusting, other] = [await openTo(oidc()), await openTo()]
  const token = await issuer.sign(claimsOf('ada'))
  expectStatus(await trusting.by(token).call('GET', '/sessions'), 200)
  expectStatus(await other.by(token).call('GET', '/sessions'), 401, 'invalid_token')
  const answers = async (status: number, code?: string) => {
    let answer = await trusting.by(token).call('GET', '/sessions')
    // Another node, or a cache, follows within a second.
    while (answer.status !== status) answer = await trusting.by(token).call('GET', '/sessions')
    expectStatus(answer, status, code)
  }
  expectStatus(await trusting.manage('POST', '/unpublish'), 200)
  await answers(403, 'channel_closed')
  expectStatus(await trusting.manage('POST', '/publish'), 200)
  await answers(200)
  const closed = { channel_config: { auth_methods: [] } }
  expectStatus(await trusting.manage('PATCH', '', closed), 200)
  await answers(401, 'invalid_token')
})

test('a stream ends when the channel no longer trusts the issuer', async (t) => {
  const channel = await openTo(oidc())
  const ada = channel.by(await issuer.sign(claimsOf('ada')))
  const id = await ada.create()
  const stream = await ada.follow(t, id)
  expectStatus(await channel.manage('PATCH', '', { channel_config: {} }), 200)
  await stream.ended
})

test('an issuer that cannot be reached is 503, and keys of the channel still work', async (t) => {
  const gone = await openPort(t, () => {})
  gone.close()
  const method = { mode: 'oidc', provider: { issuer: gone.url } }
  const channel = await openTo(method)
  const token = await issuer.sign(claimsOf('ada', { iss: gone.url }))
  const code = 'identity_provider_unavailable'
  const refused = await channel.by(token).call('GET', '/sessions')
  expectStatus(refused, 503, code)
  assert.ok(Number(refused.headers.get('retry-after')) > 0)
  expectStatus(await channel.call('GET', '/sessions'), 200)
})

test('a method whose keys cannot be read leaves the token to the others of its issuer', async (t) => {
  const gone = await openPort(t, () => {})
  gone.close()
  const unread = { mode: 'oidc', provider: { issuer: issuer.issuer, jwks_url: gone.url } }
  const channel = await openTo(unread, oidc())
  const token = await issuer.sign(claimsOf('ada'))
  expectStatus(await channel.by(token).call('GET', '/sessions'), 200)
  const other = await issuer.sign(claimsOf('ada', { aud: 'another-app' }))
  const refused = await channel.by(other).call('GET', '/sessions')
  expectStatus(refused, 503, 'identity_provider_unavailable')
})

test('private addresses are not reached, and redirects lead nowhere', async (t) => {
  const trap = await openPort(t, (_request, response) => void response.end('{}'))
  const redirecting = await openPort(t, (_request, response) => {
    response.writeHead(302, { location: trap.url }).end()
  })
  const code = 'identity_provider_unavailable'
  const channel = await openTo(
    { mode: 'oidc', provider: { issuer: redirecting.url } },
    introspection({ introspection_url: redirecting.url }),
  )
  const token = await issuer.sign(claimsOf('ada', { iss: redirecting.url }))
  for (const credential of [token, 'opaque']) {
    expectStatus(await channel.by(credential).call('GET', '/sessions'), 503, code)
  }
  assert.equal(redirecting.requests.length, 2)
  assert.deepEqual(trap.requests, [])
  const strict = await startServer(t, { databaseUrl: server.databaseUrl })
  for (const credential of [token, 'opaque']) {
    const answer = await channel.by(credential).on(strict).call('GET', '/sessions')
    expectStatus(answer, 503, code)
  }
  assert.equal(redirecting.requests.length, 2)
  await strict.stop()
})

test('an opaque token is introspected once, with the secret of the client', async (t) => {
  const channel = await openTo(introspection())
  const before = issuer.requests.length
  const { text } = await issuer.opaqueToken('ada')
  const ada = channel.by(text)
  const id = await ada.create()
  assert.deepEqual(issuer.requests.slice(before), ['/token/introspection'])
  // A token is not cached while a change of access, such as the new channel, is still unread.
  await eventually(async () => {
    const known = issuer.requests.length
    expectStatus(await ada.call('GET', `/sessions/${id}`), 200)
    return issuer.requests.length === known
  })
  const nobody = await issuer.opaqueToken()
  expectStatus(await channel.by(nobody.text).call('GET', '/sessions'), 401, 'invalid_token')
  const revoked = await issuer.opaqueToken('ada')
  await revoked.revoke()
  expectStatus(await channel.by(revoked.text).call('GET', '/sessions'), 401, 'invalid_token')
  const asked = issuer.requests.length
  expectStatus(await channel.by(revoked.text).call('GET', '/sessions'), 401, 'invalid_token')
  assert.equal(issuer.requests.length, asked, 'a refused token is asked about once')
  const trusted = await openTo(oidc(), introspection())
  const forged = `${(await issuer.sign(claimsOf('ada'))).slice(0, -4)}AAAA`
  expectStatus(await trusted.by(forged).call('GET', '/sessions'), 401, 'invalid_token')
  assert.ok(!issuer.requests.slice(asked).includes('/token/introspection'))
  t.diagnostic(`${issuer.requests.length} requests`)
})

test('refuses answers of an authorization server without a valid user', async (t) => {
  let answer: unknown
  const port = await openPort(t, (_request, response) => {
    response.setHeader('content-type', 'application/json')
    response.end(typeof answer === 'string' ? answer : JSON.stringify(answer))
  })
  const provider = { introspection_url: port.url, client_secret: undefined }
  const channel = await openTo({
    ...introspection(provider),
    requirements: { audiences: [audience], scopes: ['chat'] },
  })
  const good = { active: true, sub: 'ada', aud: audience, scope: 'mail chat' }
  const code = 'identity_provider_unavailable'
  const wrong: [unknown, number, string][] = [
    [{ ...good, active: 'true' }, 401, 'invalid_token'],
    [{ ...good, sub: undefined }, 401, 'invalid_token'],
    [{ ...good, sub: 'a'.repeat(10_240) }, 401, 'invalid_token'],
    [{ ...good, exp: nowSeconds() - 1 }, 401, 'invalid_token'],
    [{ ...good, exp: 'never' }, 401, 'invalid_token'],
    [{ ...good, nbf: nowSeconds() + 300 }, 401, 'invalid_token'],
    [{ ...good, aud: 'other' }, 401, 'invalid_token'],
    [{ ...good, scope: 'chatter' }, 401, 'invalid_token'],
    [[good], 503, code],
    ['<html>', 503, code],
    [{ ...good, more: 'a'.repeat(300_000) }, 503, code],
  ]
  for (const [at, [answered, status, expected]] of wrong.entries()) {
    answer = answered
    const refused = await channel.by(`opaque-${at}`).call('GET', '/sessions')
    const about = JSON.stringify(answered).slice(0, 80)
    assert.deepEqual([refused.status, refused.body.code], [status, expected], about)
  }
  answer = good
  expectStatus(await channel.by('opaque').call('GET', '/sessions'), 200)
})

test('a result of introspection is not used after the token expires', async (t) => {
  let seconds = 3
  const port = await openPort(t, (_request, response) => {
    response.end(JSON.stringify({ active: true, sub: 'ada', exp: Date.now() / 1000 + seconds }))
  })
  const channel = await openTo(introspection({ introspection_url: port.url }))
  // On a loaded machine a token may expire before its first use.
  const ada = await eventually(async () => {
    const caller = channel.by(`opaque-${port.requests.length}`)
    const answer = await caller.call('GET', '/sessions')
    if (answer.status === 401) return undefined
    expectStatus(answer, 200)
    return caller
  })
  const known = port.requests.length
  seconds = 300
  while (port.requests.length === known) expectStatus(await ada.call('GET', '/sessions'), 200)
})

test('the secret of a client is stored encrypted, stays for its endpoint, and is not returned', async () => {
  const channel = await openTo(introspection())
  const provider = { introspection_url: introspection().provider.introspection_url }
  const shown = expectStatus(await channel.manage('GET', ''), 200)
  const { auth_methods } = shown.channel_config
  const expected = { ...provider, client_id: issuerClient.id, client_secret_configured: true }
  assert.deepEqual(auth_methods, [{ mode: 'oauth2_introspection', provider: expected }])
  const change = (config: object) => channel.manage('PATCH', '', { channel_config: config })
  const same = expectStatus(await change({ ...shown.channel_config, visibility: 'full' }), 200)
  assert.deepEqual(same.channel_config.auth_methods, auth_methods)
  const { text } = await issuer.opaqueToken('ada')
  expectStatus(await channel.by(text).call('GET', '/sessions'), 200)
  const elsewhere = { ...expected, introspection_url: `${issuer.issuer}/elsewhere` }
  const moved = await change({ auth_methods: [{ ...auth_methods[0], provider: elsewhere }] })
  const after = expectStatus(moved, 200).channel_config.auth_methods[0].provider
  assert.equal(after.client_secret_configured, false)
})

test('refuses methods that are incomplete, unsafe or unknown, and names the field', async () => {
  const at = 'channel_config/auth_methods/0'
  const oidcAt = (url: string) => ({ mode: 'oidc', provider: { issuer: url } })
  const wrong: [object, string][] = [
    [{ mode: 'shared_secret' }, `${at}/mode`],
    [{ mode: 'oidc' }, `${at}/provider/issuer`],
    [oidcAt(''), `${at}/provider/issuer`],
    [oidcAt('ftp://example.com'), `${at}/provider/issuer`],
    [oidcAt('http://login.example.com'), `${at}/provider/issuer`],
    [oidcAt('https://user:pw@login.example.com'), `${at}/provider/issuer`],
    [oidcAt('https://10.0.0.1'), `${at}/provider/issuer`],
    [oidcAt('http://169.254.169.254/latest'), `${at}/provider/issuer`],
    [oidcAt('https://login.example.com/?a=b'), `${at}/provider/issuer`],
    [
      { mode: 'oidc', provider: { issuer: 'https://a.example.com', jwks_url: 'https://[::1]/' } },
      `${at}/provider/jwks_url`,
    ],
    [
      { mode: 'oidc', provider: { issuer: 'https://a.example.com', client_id: 'x' } },
      `${at}/provider/client_id`,
    ],
    [{ mode: 'google_oidc' }, `${at}/requirements/audiences`],
    [
      { mode: 'oauth2_introspection', provider: { client_id: 'x' } },
      `${at}/provider/introspection_url`,
    ],
    [{ ...oidc(), extra: 1 }, at],
    [{ ...oidc(), requirements: { claims: { a: { b: 1 } } } }, `${at}/requirements/claims/a`],
  ]
  const channel = await openTo()
  for (const [method, path] of wrong) {
    const config = { channel_config: { auth_methods: [method] } }
    const refused = expectStatus(await channel.manage('PATCH', '', config), 400, 'invalid_request')
    assert.equal(refused.details[0].path, path)
  }
  const two = { channel_config: { auth_methods: [introspection(), introspection()] } }
  expectStatus(await channel.manage('PATCH', '', two), 400, 'invalid_request')
  const claims = { long: 'a'.repeat(20_000) }
  const long = { channel_config: { auth_methods: [oidc({ claims })] } }
  const tooLong = expectStatus(await channel.manage('PATCH', '', long), 400, 'invalid_request')
  assert.equal(tooLong.details[0].path, 'channel_config')
  const google = { mode: 'google_oidc', requirements: { audiences: ['app'] } }
  expectStatus(
    await channel.manage('PATCH', '', { channel_config: { auth_methods: [google] } }),
    200,
  )
  await newKey(channel.manage)
})
