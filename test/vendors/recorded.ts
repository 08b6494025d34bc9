import type { TestContext } from 'node:test'
import { type Asked, sendJson, startAnyVendor } from '../../apps/server/test/remotes/any-vendor.ts'
import { addModel, type Server, type Talk, talkTo } from './talk.ts'
import { type WireType, wires } from './wires/index.ts'
import type { Body, VendorReply } from './wires/wire.ts'

/** A scripted reply: complete, with a delayed end, or cut in the middle without an error. */
export type Take = Partial<VendorReply> & { endsAfter?: Promise<unknown>; endsEarly?: true }

/** A refusal of a request, if its vendor does not accept its form. */
export type Refuse = (body: Body, about: Asked) => [status: number, body: object] | undefined

/**
 * A server of one provider that plays replies in the provider's own bytes, one for each request
 * that is not refused, and records the requests. Contract: the last reply is played for every
 * request after it.
 */
export async function playReplies(
  t: TestContext,
  type: WireType,
  takes: Take[],
  refuse: Refuse = () => undefined,
) {
  let refused = 0
  const requests: { body: Body; about: Asked }[] = []
  const vendor = await startAnyVendor(t, async (about, response) => {
    // A request that was aborted before its body.
    if (about.body === '') return response.end()
    const body = JSON.parse(about.body)
    const number = requests.push({ body, about }) - refused
    const refusal = refuse(body, about)
    if (refusal) {
      refused += 1
      return sendJson(response, refusal[1], refusal[0])
    }
    const { endsAfter, endsEarly, ...reply } = takes[number - 1] ?? takes.at(-1)!
    const text = wires[type].write({
      id: `reply_${number}`,
      pieces: [{ text: 'Done.' }],
      usage: { input: 31, output: 7 },
      ...reply,
    })
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    if (endsEarly) return response.end(text.slice(0, text.indexOf('\n\n', text.length / 2) + 2))
    // All but the frame with the finish reason.
    const end = endsAfter ? text.lastIndexOf('\n\n', text.length - 3) + 2 : 0
    response.write(text.slice(0, end))
    await endsAfter
    response.end(text.slice(end))
  })
  const base_url = vendor.url + wires[type].path
  return {
    base_url,
    requests,
    /** The bodies of the requests. */
    bodies: () => requests.map(({ body }) => body),
  }
}

export type Player = Awaited<ReturnType<typeof playReplies>>

/** A session on a model whose replies are played. */
export async function talkToPlayer(
  t: TestContext,
  server: Server,
  {
    type,
    takes,
    model_id = wires[type].model,
    fields,
    refuse,
  }: { type: WireType; takes: Take[]; model_id?: string; fields?: object; refuse?: Refuse },
): Promise<Talk & { player: Player; model: Awaited<ReturnType<typeof addModel>> }> {
  const player = await playReplies(t, type, takes, refuse)
  const model = await addModel(server, type, { base_url: player.base_url, model_id })
  return { ...(await talkTo(server, model, fields)), player, model }
}
