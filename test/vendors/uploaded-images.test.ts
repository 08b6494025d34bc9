import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expectStatus } from '../../apps/server/test/access.ts'
import { formOf, pngOfBytes } from '../../apps/server/test/pictures.ts'
import { dataOf, replyOf } from '../../apps/server/test/session.ts'
import { reach, startAimock } from './aimock.ts'
import { inlinedImage, redImage } from './image.ts'
import { talkToPlayer } from './recorded.ts'
import { sayings } from './suite.ts'
import { addModel, serverOfFile, talkTo } from './talk.ts'
import { wires, wireTypes } from './wires/index.ts'

const server = serverOfFile()
const mock = startAimock()
const text = { type: 'text', text: sayings.colour }

async function upload(): Promise<string> {
  const form = formOf(Buffer.from(redImage, 'base64'), 'red.png')
  return expectStatus(await server().call('POST', '/v1/images', form), 201).id
}

const partOf = (image_id: string) => ({ type: 'image_file', image_id })

test("an uploaded image reaches every provider's model, and later turns too", async (t) => {
  const image = partOf(await upload())
  for (const type of wireTypes) {
    const talk = await talkToPlayer(t, server(), { type, takes: [{}, {}] })
    const { events } = await talk.say([text, image])
    const [first] = talk.player.bodies()
    assert.deepEqual(wires[type].newest(first!).at(-1), inlinedImage(type))
    assert.equal(dataOf(events, 'llm.generation').metadata.omitted_images, undefined)
    await talk.say('And now?')
    const history = JSON.stringify(talk.player.bodies()[1])
    assert.ok(history.includes(redImage), type)
  }
})

test('models of a vendor stand-in answer about an uploaded image', async () => {
  const image = partOf(await upload())
  for (const type of ['openai', 'anthropic', 'google'] as const) {
    const model = await addModel(server(), type, reach(mock, type)())
    const { events } = await (await talkTo(server(), model)).say([text, image])
    assert.equal(replyOf(events), 'Red.')
  }
})

test('a model without vision gets the name, and why names the image', async (t) => {
  const image_id = await upload()
  for (const type of ['openai', 'openai_completions'] as const) {
    const talk = await talkToPlayer(t, server(), { type, takes: [{}], model_id: 'gpt-4' })
    const { events } = await talk.say([text, partOf(image_id)])
    const parts = JSON.stringify(wires[type].newest(talk.player.bodies()[0]))
    assert.match(parts, /\[image: red\.png\]/)
    assert.ok(!parts.includes(redImage))
    const reason = 'the model does not support images'
    const omitted = [{ image_id, filename: 'red.png', reason }]
    assert.deepEqual(dataOf(events, 'llm.generation').metadata.omitted_images, omitted)
    const path = `/v1/sessions/${talk.session.id}/why`
    assert.deepEqual(expectStatus(await server().call('GET', path), 200).omitted_images, omitted)
  }
})

test('an image that the provider would refuse becomes text, and the session continues', async (t) => {
  const form = formOf(pngOfBytes(4 * 1024 * 1024), 'large.png')
  const { id } = expectStatus(await server().call('POST', '/v1/images', form), 201)
  const talk = await talkToPlayer(t, server(), { type: 'anthropic', takes: [{}, {}] })
  const { events } = await talk.say([text, partOf(id)])
  const parts = JSON.stringify(wires.anthropic.newest(talk.player.bodies()[0]!))
  assert.match(parts, /large\.png, it is larger than the provider of the model accepts/)
  const [omitted] = dataOf(events, 'llm.generation').metadata.omitted_images!
  assert.equal(omitted!.image_id, id)
  const openai = await talkToPlayer(t, server(), { type: 'openai', takes: [{}] })
  await openai.say([text, partOf(id)])
  const [body] = openai.player.bodies()
  assert.ok(JSON.stringify(wires.openai.newest(body!).at(-1)).length > 5_000_000)
})

test('a deleted image becomes its name', async (t) => {
  const image_id = await upload()
  const type = 'openai'
  const talk = await talkToPlayer(t, server(), { type, takes: [{}, {}] })
  await talk.say([text, { ...partOf(image_id), filename: 'my picture.png' }])
  expectStatus(await server().call('DELETE', `/v1/images/${image_id}`), 204)
  const { events } = await talk.say('And now?')
  const history = JSON.stringify(talk.player.bodies()[1])
  assert.match(history, /\[image: my picture\.png, it was deleted\]/)
  assert.ok(!history.includes(redImage))
  const [omitted] = dataOf(events, 'llm.generation').metadata.omitted_images!
  assert.equal(omitted!.reason, 'it was deleted')
  const path = `/v1/sessions/${talk.session.id}/messages`
  const again = await server().call('POST', path, { message: { content: [partOf(image_id)] } })
  expectStatus(again, 400, 'image_unknown')
})

test('a fork keeps the images of its source', async (t) => {
  const image = partOf(await upload())
  const talk = await talkToPlayer(t, server(), { type: 'openai', takes: [{}, {}] })
  await talk.say([text, image])
  const path = `/v1/sessions/${talk.session.id}/fork`
  const fork = expectStatus(await server().call('POST', path, {}), 201)
  const body = { message: { content: [{ type: 'text', text: 'And now?' }] } }
  expectStatus(await server().call('POST', `/v1/sessions/${fork.id}/messages`, body), 201)
  while (talk.player.bodies().length < 2) await new Promise((next) => setTimeout(next, 20))
  assert.ok(JSON.stringify(talk.player.bodies()[1]).includes(redImage))
})
