import assert from 'node:assert/strict'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type TestContext, test } from 'node:test'
import { type FlattenedJWSInput, jwtVerify } from 'jose'
import { newSigner, nowSeconds, openPort } from '../../../test/remotes/token-issuer.ts'
import type { Log } from '../../log.ts'
import { createKeySets } from './key-sets.ts'

const silent = { warn() {} } as unknown as Log
const unavailable = { code: 'identity_provider_unavailable', status: 503 }

type Handler = (request: IncomingMessage, response: ServerResponse) => void

/** An issuer that answers each request for its keys with `respond`. */
async function startKeys(t: TestContext, limits: { pauseMs: number; timeoutMs: number }) {
  let respond: Handler = (_request, response) => response.end('{}')
  const port = await openPort(t, (request, response) => respond(request, response))
  const sets = createKeySets(() => fetch, silent, limits)
  const source = { orgId: 'org', issuer: port.url, jwksUrl: `${port.url}/jwks` }
  return {
    ...port,
    respondWith(next: Handler) {
      respond = next
    },
    show(...keys: object[]) {
      respond = (_request, response) => void response.end(JSON.stringify({ keys }))
    },
    verify: (token: string, from: object = {}) => jwtVerify(token, sets.of({ ...source, ...from })),
    find: (kid: string) => sets.of(source)({ alg: 'RS256', kid }, {} as FlattenedJWSInput),
  }
}

const often = { pauseMs: 0, timeoutMs: 60_000 }
const seldom = { pauseMs: 600_000, timeoutMs: 60_000 }
const claims = () => ({ exp: nowSeconds() + 60 })

test('reads the keys again for an unknown key, so that an issuer can change its key', async (t) => {
  const keys = await startKeys(t, often)
  const [first, second] = [await newSigner('one'), await newSigner('two')]
  keys.show(first.publicJwk)
  await keys.verify(await first.sign(claims()))
  await keys.verify(await first.sign(claims()))
  assert.equal(keys.requests.length, 1)
  keys.show(second.publicJwk)
  await keys.verify(await second.sign(claims()))
  await assert.rejects(keys.verify(await first.sign(claims())), {
    code: 'ERR_JWKS_NO_MATCHING_KEY',
  })
})

test('many tokens with unknown keys cause one read', async (t) => {
  const keys = await startKeys(t, seldom)
  const { publicJwk, sign } = await newSigner('one')
  keys.show(publicJwk)
  const unknown = Array.from({ length: 50 }, (_, at) => keys.find(`unknown-${at}`))
  for (const { status } of await Promise.allSettled(unknown)) assert.equal(status, 'rejected')
  await keys.verify(await sign(claims()))
  assert.equal(keys.requests.length, 1)
})

test('an issuer that fails, hangs, redirects or sends too much is asked once in a while', async (t) => {
  const { publicJwk, sign } = await newSigner('one')
  const token = await sign(claims())
  type Wrong = [name: string, answer: (response: ServerResponse) => void]
  const failing: Wrong[] = [
    ['an error', (response) => void response.writeHead(500).end()],
    ['no JSON', (response) => void response.end('<html>')],
    ['no keys', (response) => void response.end('{"keys": 7}')],
    ['keys of no form', (response) => void response.end('{"keys": [7]}')],
    ['a redirect', (response) => void response.writeHead(302, { location: '/other' }).end()],
    ['too much', (response) => void response.end(`{"a": "${'a'.repeat(300_000)}"}`)],
  ]
  const hanging: Wrong[] = [
    [
      'no end',
      (response) => {
        response.write('{')
      },
    ],
    ['no answer', () => {}],
  ]
  const requestsFor = async ([what, answer]: Wrong, limits: typeof seldom) => {
    const keys = await startKeys(t, limits)
    keys.respondWith((_request, response) => answer(response))
    await assert.rejects(keys.verify(token), unavailable, what)
    keys.show(publicJwk)
    await assert.rejects(keys.verify(token), unavailable, what)
    return keys.requests.length
  }
  for (const one of failing) assert.equal(await requestsFor(one, seldom), 1, one[0])
  // On a loaded machine the time can end before the request arrives.
  const hasty = { ...seldom, timeoutMs: 200 }
  for (const one of hanging) assert.ok((await requestsFor(one, hasty)) <= 1, one[0])
})

test('known keys are used while the issuer cannot be reached, and another key is 503', async (t) => {
  const keys = await startKeys(t, often)
  const [first, second] = [await newSigner('one'), await newSigner('two')]
  keys.show(first.publicJwk)
  await keys.verify(await first.sign(claims()))
  keys.respondWith((_request, response) => void response.destroy())
  await assert.rejects(keys.verify(await second.sign(claims())), unavailable)
  await keys.verify(await first.sign(claims()))
  keys.show(second.publicJwk)
  await keys.verify(await second.sign(claims()))
})

test('finds the address of the keys in metadata of the issuer itself only', async (t) => {
  const { publicJwk, sign } = await newSigner('one')
  const token = await sign(claims())
  const metadata = async (about: (url: string) => object) => {
    const keys = await startKeys(t, often)
    keys.respondWith(({ url }, response) => {
      const isKeys = url === '/jwks'
      response.end(JSON.stringify(isKeys ? { keys: [publicJwk] } : about(keys.url)))
    })
    return keys.verify(token, { jwksUrl: undefined })
  }
  await metadata((url) => ({ issuer: url, jwks_uri: `${url}/jwks` }))
  const wrong = [
    (url: string) => ({ issuer: `${url}/`, jwks_uri: `${url}/jwks` }),
    (url: string) => ({ issuer: url }),
    (url: string) => ({ issuer: url, jwks_uri: 'http://127.0.0.1:1/jwks' }),
    (url: string) => ({ issuer: url, jwks_uri: 'file:///etc/passwd' }),
  ]
  for (const about of wrong) await assert.rejects(metadata(about), unavailable)
})
