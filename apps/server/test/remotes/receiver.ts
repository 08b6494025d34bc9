import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text as readText } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import type { WebhookWithSecret } from '@outlast/contract'
import { expectStatus } from '../access.ts'
import { runSql } from '../database.ts'
import { type Call, type ServerOptions, startServer } from '../server.ts'
import { eventually } from '../waiting.ts'

/** A request of a webhook. */
export type Received = {
  id: string
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of every type
  body: any
  text: string
  path: string
  headers: IncomingHttpHeaders
}

/** A status, or a function that writes the response. */
export type ReceiverAnswer = number | ((response: ServerResponse) => unknown)

/** Starts a receiver of webhooks on loopback, which answers 204 until told otherwise. */
export async function startReceiver(t: Pick<TestContext, 'after'>) {
  const received: Received[] = []
  let answer: (request: Received) => ReceiverAnswer = () => 204
  const server = createServer(async (incoming, response) => {
    const text = await readText(incoming).catch(() => undefined)
    if (text === undefined) return
    const { headers, url: path = '' } = incoming
    const id = String(headers['webhook-id'])
    const request = { id, body: JSON.parse(text), text, path, headers }
    received.push(request)
    const given = answer(request)
    if (typeof given === 'number') response.writeHead(given).end()
    else await given(response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const ofType = (type: string) => received.filter(({ body }) => body.type === type)
  return {
    url: `http://127.0.0.1:${port}/`,
    received,
    ofType,
    answer: (to: (request: Received) => ReceiverAnswer) => {
      answer = to
    },
    /** Resolves with the requests of a type when there are at least so many. */
    async until(type: string, count = 1) {
      await eventually(async () => ofType(type).length >= count)
      return ofType(type)
    },
  }
}

/** Starts a server whose webhooks may reach loopback. */
export const startWithWebhooks = (
  t: Pick<TestContext, 'after'>,
  { env, ...options }: ServerOptions = {},
) => startServer(t, { ...options, env: { PRIVATE_HOSTS_ALLOWED: 'webhook=127.0.0.1@*', ...env } })

export async function createWebhook(
  { call }: { call: Call },
  url: string,
  fields: object = {},
): Promise<WebhookWithSecret> {
  const body = { url, events: ['turn.completed'], ...fields }
  return expectStatus(await call('POST', '/v1/webhooks', body), 201)
}

/** Checks a request as the Standard Webhooks specification describes it. */
export function expectSigned({ id, text, headers }: Received, secret: string) {
  const signed = `${id}.${headers['webhook-timestamp']}.${text}`
  const key = Buffer.from(secret.replace('whsec_', ''), 'base64')
  const expected = `v1,${createHmac('sha256', key).update(signed).digest('base64')}`
  const signatures = String(headers['webhook-signature']).split(' ')
  assert.ok(signatures.includes(expected), `${signatures} do not include ${expected}`)
}

type Server = Awaited<ReturnType<typeof startServer>>

/** A server, a receiver and a webhook of the given types. */
export async function startDelivering(t: TestContext, fields: object = {}) {
  const receiver = await startReceiver(t)
  const server = await startWithWebhooks(t)
  const webhook = await createWebhook(server, receiver.url, fields)
  return { server, receiver, webhook }
}

export const deliveriesOf = async ({ call }: Server, id: string, query = '') =>
  expectStatus(await call('GET', `/v1/webhooks/${id}/deliveries${query}`), 200).data

/** Waits until the only delivery of a webhook satisfies a condition. */
export const untilDelivery = (
  server: Server,
  id: string,
  // biome-ignore lint/suspicious/noExplicitAny: a delivery as clients get it
  isMet: (delivery: any) => boolean,
) =>
  eventually(async () => {
    const [delivery] = await deliveriesOf(server, id)
    return delivery !== undefined && isMet(delivery) && delivery
  })

/** Makes all waiting deliveries due. Locks in the order of the server: webhooks first. */
export const passTime = ({ databaseUrl }: Server) =>
  runSql(
    databaseUrl,
    `update webhooks set resume_at = null;
    update webhook_deliveries set due_at = now() where due_at is not null`,
  )
