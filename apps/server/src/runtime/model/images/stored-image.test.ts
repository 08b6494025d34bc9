import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { test } from 'node:test'
import { expectStatus } from '../../../../test/access.ts'
import { formOf, pngOfBytes } from '../../../../test/pictures.ts'
import { startAnyVendor } from '../../../../test/remotes/any-vendor.ts'
import { startServer } from '../../../../test/server.ts'
import { createAgent, createSession } from '../../../../test/session.ts'
import { follow } from '../../../../test/stream.ts'
import { eventually } from '../../../../test/waiting.ts'

const mebibyte = 1024 * 1024

test('images of concurrent turns wait for memory, and reach the model once others end', async (t) => {
  const server = await startServer(t, { env: { PRIVATE_HOSTS_ALLOWED: '127.0.0.1' } })
  const open: ServerResponse[] = []
  const sizes: number[] = []
  let openMax = 0
  // A budget of 192 MiB has room for 7 images of 27 MiB in base64.
  const turns = 8
  const atOnce = 7
  const all = Promise.withResolvers<void>()
  const vendor = await startAnyVendor(t, ({ body }, response) => {
    if (body === '') return response.writeHead(404).end()
    sizes.push(body.length)
    open.push(response)
    openMax = Math.max(openMax, open.length)
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    if (sizes.length === atOnce) all.resolve()
    if (sizes.length > atOnce) answer(response)
  })
  const answer = (response: ServerResponse) => {
    open.splice(open.indexOf(response), 1)
    const chunk = { id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm' }
    const choices = [{ index: 0, delta: { content: 'Seen.' }, finish_reason: 'stop' }]
    response.end(`data: ${JSON.stringify({ ...chunk, choices })}\n\ndata: [DONE]\n\n`)
  }
  const fields = { name: 'Vendor', provider_type: 'openai_completions', api_key: 'sk-none' }
  const base_url = `${vendor.url}/v1`
  const provider = await server.call('POST', '/v1/llm-providers', { ...fields, base_url })
  const models = `/v1/llm-providers/${expectStatus(provider, 201).id}/models`
  const made = await server.call('POST', models, { model_id: 'm', display_name: 'M' })
  const agent = await createAgent(server, { default_model_id: expectStatus(made, 201).id })
  const form = formOf(pngOfBytes(20 * mebibyte))
  const image_id = expectStatus(await server.call('POST', '/v1/images', form), 201).id
  const streams = []
  const sessions = await Promise.all(
    Array.from({ length: turns }, () => createSession(server, { agent_id: agent.id })),
  )
  for (const { id } of sessions) streams.push(await follow(t, server.url, { sessionId: id }))
  // Large prompts keep a busy machine from the database: such an answer is tried again.
  const ask = ({ id }: { id: string }) =>
    eventually(async () => {
      const message = { content: [{ type: 'image_file', image_id }] }
      const headers = { 'idempotency-key': id }
      const path = `/v1/sessions/${id}/messages`
      const sent = await server.call('POST', path, { message }, headers)
      return sent.status !== 503 && expectStatus(sent, 201)
    })
  await Promise.all(sessions.slice(0, atOnce).map(ask))
  await all.promise
  // Only now: a turn waits 60 s for memory, and the prompts can take longer on a busy machine.
  await ask(sessions.at(-1)!)
  await streams.at(-1)!.event('turn.started')
  assert.equal(openMax, atOnce)
  for (const response of [...open]) answer(response)
  for (const stream of streams) {
    const { data } = await stream.event('llm.generation')
    assert.equal(data.metadata.omitted_images, undefined)
    await stream.event('session.idled')
  }
  assert.equal(sizes.length, turns)
  assert.ok(sizes.every((size) => size > 27 * mebibyte * 0.98))
})
