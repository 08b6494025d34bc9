import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text as readText } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import type { Model, ModelSync } from '@outlast/contract'
import { expectStatus } from '../access.ts'
import type { Call } from '../server.ts'

export type Asked = {
  method: string
  /** Includes the query. */
  url: string
  headers: IncomingMessage['headers']
  body: string
}

/** Starts a vendor's server on loopback that answers with a handler and records the requests. */
export async function startAnyVendor(
  t: Pick<TestContext, 'after'>,
  answer: (request: Asked, response: ServerResponse) => unknown,
) {
  const asked: Asked[] = []
  const server = createServer(async (incoming, response) => {
    const { method = '', url = '', headers } = incoming
    const body = await readText(incoming).catch(() => undefined)
    // A request that was aborted while it was sent does not count.
    if (body === undefined) return
    const request = { method, url, headers, body }
    asked.push(request)
    answer(request, response)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
}

export type AnyVendor = Awaited<ReturnType<typeof startAnyVendor>>

export function sendJson(response: ServerResponse, body: unknown, status = 200) {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

export const vendorKey = 'sk-discovery-0123456789'

/** A list of models in the form of compatible servers. */
export const modelsOf = (ids: unknown[]) =>
  ids.map((id) => ({ id, object: 'model', owned_by: 'me' }))

/** Creates a provider with a key; returns functions to list and sync its models. */
export async function addProvider(call: Call, base_url: string, fields: object = {}) {
  const body = { name: 'Mine', provider_type: 'openai_completions', base_url, api_key: vendorKey }
  const { id } = expectStatus(await call('POST', '/v1/llm-providers', { ...body, ...fields }), 201)
  const path = `/v1/llm-providers/${id}`
  const sync = async (): Promise<ModelSync> =>
    expectStatus(await call('POST', `${path}/sync-models`), 200)
  const models = async (query = ''): Promise<Model[]> =>
    expectStatus(await call('GET', `/v1/llm-models?source=discovered${query}`), 200).data
  return { id: id as string, path, sync, models }
}
