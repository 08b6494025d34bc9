/** Routes of the project beside those of the server. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { FastifyInstance } from 'fastify'
import { expectStatus, startGuarded } from '../../../test/access.ts'
import { createTestDatabase, queryRows } from '../../../test/database.ts'
import { type HttpAnswer, type ServerOptions, startServer } from '../../../test/server.ts'
import { scripted } from '../../../test/session.ts'
import { framesOf } from '../../../test/stream.ts'
import type { Routes } from '../../authoring/config.ts'
import { emptyProject } from '../../authoring/project.ts'

const withRoutes = (routes: Routes): ServerOptions => ({ project: { ...emptyProject, routes } })

const start = (t: TestContext, routes: Routes, env: Record<string, string> = {}) =>
  startGuarded(t, { ...withRoutes(routes), env })

test('answers a route of the project, which uses the client of the server', async (t) => {
  const server = await start(t, (fastify, { outlast }) => {
    fastify.post('/support/ask', async (request) => {
      const { question } = request.body as { question: string }
      const agent = await outlast.agents.create({ name: 'Ada', system_prompt: 'You are Ada.' })
      const session = await outlast.sessions.create({ agent_id: agent.id })
      const { text } = await outlast.session(session).send(scripted({ text: question }))
      return { text, token: (await outlast.sessions.createToken(session.id)).token }
    })
  })
  const answer = await server.call('POST', '/support/ask', { question: 'Is it open?' })
  const { text, token } = expectStatus(answer, 200)
  assert.equal(text, 'Is it open?')
  const [, payload] = token.split('.')
  const { session } = JSON.parse(Buffer.from(payload, 'base64url').toString())
  const headers = { authorization: `Bearer ${token}` }
  expectStatus(await server.call('GET', `/v1/sessions/${session}`, undefined, headers), 200)
  expectStatus(await server.call('GET', '/v1/agents'), 401)
})

test('serves a stream of the project until the server stops', async (t) => {
  const server = await start(t, (fastify) => {
    fastify.get('/clock', (_request, reply) => {
      reply.hijack()
      reply.raw.writeHead(200, { 'content-type': 'text/event-stream' })
      reply.raw.write('event: tick\ndata: {}\n\n')
    })
  })
  const response = await fetch(`${server.url}/clock`)
  const frames = framesOf(response)
  assert.equal((await frames.next()).value?.event, 'tick')
  await server.stop()
  await assert.rejects(frames.next())
})

const reserved = [
  '/v1',
  '/v1/agents',
  '/v1/new/thing',
  '/V1/agents',
  '/%761/agents',
  '/api/v1/agents',
  '/openai/v1/responses',
  '/mcp',
  '/a2a/agents',
  '/health',
  '/health/mine',
  '/healthz',
  '/metrics',
  '/.well-known/agent.json',
  '/docs',
  '/docs/mine',
  '/api-doc/openapi.json',
  '/swagger-ui',
  '/',
  '/sessions',
  '/sessions/mine',
  '/agents/mine',
  '/settings',
  '/operations/mine',
  '*',
  '/*',
  '/:any',
  '/:any/agents',
  '/v:version/agents',
  '//v1/agents',
  '/api/*',
  '/api/:version/agents',
]

test('refuses each route at a path of the server', async (t) => {
  const refused: string[] = []
  const routes: Routes = (fastify) => {
    for (const url of reserved) {
      const add = () => fastify.route({ method: ['GET', 'POST'], url, handler: () => 'mine' })
      assert.throws(add, ({ message }: Error) => {
        assert.ok(message.startsWith(`The route GET, POST ${url} is not allowed: `), message)
        return true
      })
      refused.push(url)
    }
    fastify.get('/api/mine', () => 'mine')
    fastify.get('/agents-of-mine/:id', () => 'mine')
  }
  const server = await startServer(t, withRoutes(routes))
  assert.deepEqual(refused, reserved)
  expectStatus(await server.call('GET', '/v1/new/thing'), 404, 'route_not_found')
  for (const path of ['/api/mine', '/agents-of-mine/1']) {
    assert.equal((await server.call('GET', path)).body, 'mine')
  }
})

test('stops the start at a refused route and at an error of the project', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const nested: Routes = async (fastify) => {
    await fastify.register(
      async (inner) => {
        inner.get('/agents', () => 'mine')
      },
      { prefix: '/v1' },
    )
  }
  const start = startServer(t, { ...withRoutes(nested), databaseUrl })
  await assert.rejects(start, /The route GET \/v1\/agents is not allowed: \/v1 is reserved/)
  const failing: Routes = () => {
    throw new Error('no database of the product')
  }
  await assert.rejects(
    startServer(t, { ...withRoutes(failing), databaseUrl }),
    /no database of the product/,
  )
  const open =
    'select 1 from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()'
  while ((await queryRows(databaseUrl, open)).length > 0);
})

test('keeps hooks, parsers and handlers of the project away from the routes of the server', async (t) => {
  let hooked = 0
  const server = await startServer(
    t,
    withRoutes(async (fastify: FastifyInstance) => {
      fastify.addHook('onRequest', async (_request, reply) => {
        hooked += 1
        reply.header('x-mine', 'yes')
      })
      fastify.addHook('onSend', async () => 'replaced')
      fastify.setErrorHandler((_error, _request, reply) => reply.code(418).send('teapot'))
      fastify.removeAllContentTypeParsers()
      fastify.addContentTypeParser('*', (_request, _payload, done) => done(null, 'raw'))
      fastify.setValidatorCompiler(() => () => true)
      fastify.decorateRequest('mine', 1)
      fastify.get('/mine', () => 'mine')
      fastify.get('/broken', () => {
        throw new Error('broken')
      })
    }),
  )
  const made = await server.call('POST', '/v1/agents', { name: 'Ada', system_prompt: 'x' })
  assert.equal(expectStatus(made, 201).name, 'Ada')
  assert.equal(made.headers.get('x-mine'), null)
  expectStatus(await server.call('POST', '/v1/agents', {}), 400, 'invalid_request')
  expectStatus(await server.call('GET', '/v1/none'), 404, 'route_not_found')
  assert.equal(hooked, 0)
  const mine = await server.call('GET', '/mine')
  assert.deepEqual([mine.status, mine.body, mine.headers.get('x-mine')], [200, 'replaced', 'yes'])
  assert.equal((await server.call('GET', '/broken')).status, 418)
  const document = await server.call('GET', '/docs/json')
  assert.doesNotMatch(JSON.stringify(document.body), /"\/mine"/)
})

test('answers errors of the project in the form of the server', async (t) => {
  const server = await start(
    t,
    (fastify) => {
      fastify.get('/broken', () => {
        throw new Error('a secret of the product')
      })
      fastify.get('/missing', () => {
        throw Object.assign(new Error('No such order'), { statusCode: 404, code: 'no_order' })
      })
      fastify.get('/plain', () => {
        throw Object.assign(new Error('Pay first'), { statusCode: 402 })
      })
      fastify.get('/numbered', () => {
        throw Object.assign(new Error('Pay first'), { statusCode: 402, code: 7 })
      })
      fastify.get('/named', () => {
        throw Object.assign(new Error('a secret of the product'), { code: 'constructor' })
      })
      fastify.post('/json', ({ body }) => body)
    },
    { LOG_LEVEL: 'silent' },
  )
  expectStatus(await server.call('GET', '/broken'), 500, 'internal_error')
  assert.doesNotMatch(JSON.stringify((await server.call('GET', '/broken')).body), /secret/)
  const missing = expectStatus(await server.call('GET', '/missing'), 404, 'no_order')
  assert.equal(missing.error, 'No such order')
  expectStatus(await server.call('GET', '/plain'), 402, 'request_failed')
  expectStatus(await server.call('GET', '/numbered'), 402, 'request_failed')
  expectStatus(await server.call('GET', '/named'), 500, 'internal_error')
  expectStatus(await server.call('POST', '/json', '{broken'), 400, 'invalid_json')
  const text = { 'content-type': 'text/plain' }
  expectStatus(await server.call('POST', '/json', 'x', text), 415, 'unsupported_media_type')
  expectStatus(await server.call('PUT', '/json', {}), 405, 'method_not_allowed')
})

test('guards the routes of the project like those of the server', async (t) => {
  let calls = 0
  const server = await start(
    t,
    (fastify) => {
      fastify.post(
        '/mine',
        { onSend: async (_request, reply) => void reply.header('x-mine', 'yes') },
        ({ principal }) => {
          calls += 1
          return String(principal)
        },
      )
    },
    { ALLOWED_HOSTS: 'agents.example.com', RATE_LIMIT_ADDRESS: '40' },
  )
  const ask = (headers: Record<string, string>, body: unknown = {}) =>
    server.call('POST', '/mine', body, headers)
  const origin = 'https://attacker.example.com'
  expectStatus(await ask({ origin }), 403, 'origin_not_allowed')
  expectStatus(await ask({}, 'x'.repeat(3 * 1024 * 1024)), 413, 'body_too_large')
  const large = await ask({}, { text: 'x'.repeat(1024 * 1024) })
  assert.deepEqual([large.status, large.headers.get('x-mine')], [200, 'yes'])
  assert.equal(large.headers.get('x-content-type-options'), 'nosniff')
  const key = { 'idempotency-key': 'one' }
  expectStatus(await ask(key), 200)
  expectStatus(await ask(key), 200)
  assert.equal(calls, 3)
  const useUp = async () => {
    for (;;) {
      const { status } = await ask({})
      if (status === 429) return
      assert.equal(status, 200)
    }
  }
  // A token is back after 1.5 s. With a limit of its own, `/health` would answer 40 times.
  let health: HttpAnswer
  let tries = 0
  do {
    await useUp()
    health = await server.call('GET', '/health')
    tries += 1
  } while (health.status !== 429 && tries < 20)
  expectStatus(health, 429, 'rate_limited')
})

test('fails a call of the client before the server has started', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const routes: Routes = async (_fastify, { outlast }) => {
    await outlast.agents.list({}, { retriesMax: 0 })
  }
  const starting = startServer(t, { ...withRoutes(routes), databaseUrl })
  await assert.rejects(starting, (error: Error) => {
    assert.match(`${error} ${error.cause}`, /The server has not started yet/)
    return true
  })
})
