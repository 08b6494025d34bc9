import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Event, WaitingFor } from '@outlast/contract'
import { eventsOf } from '../../apps/server/test/session.ts'
import { auditLog } from './audit.ts'
import { type Node, postUntilAccepted, postUntilAnswered } from './scenario.ts'
import { type ChatMessage, type World, worldlySession } from './world.ts'

/** Sends requests to the node that currently serves it. */
export type Client = { call: Node['call']; sessionId: string }

/** A payment that a user has to approve, and a tool that the client runs. */
const outside = {
  capabilities: [{ ref: 'recording', config: { requires_approval: ['pay'] } }],
  tools: [{ type: 'client_side', name: 'look_outside', description: 'Looks out of the window.' }],
}

export const calls = { look: 'call_0', pay: 'call_1', outside: 'call_2' }

export const waitingSession = async (node: Node, world: World, fields: object = {}) =>
  (await worldlySession(node, world, { ...outside, ...fields })).session.id

/** Calls a tool of each kind at once, then repeats their results. */
export function reply(prompt: ChatMessage[]) {
  const of = (role: string) => prompt.filter((message) => message.role === role)
  if (of('tool').length === 0) {
    return [
      { name: 'look', arguments: {} },
      { name: 'pay', arguments: { words: 'ten' } },
      { name: 'look_outside', arguments: {} },
    ]
  }
  const told = [...of('user'), ...of('tool')].map(({ content }) => content)
  return [`I was told: ${JSON.stringify(told)}`]
}

export const question = 'What is it like outside? And pay.'
export const meanwhile = 'And say it in Dutch.'
const sky = 'The sky is blue.'

const pauseMs = 20

/** Returns `waiting_for` once the turn waits for this call. */
export async function untilWaiting({ call, sessionId }: Client, callId: string) {
  for (;;) {
    const answer = await call('GET', `/v1/sessions/${sessionId}`).catch(() => undefined)
    const waits: WaitingFor | undefined = answer?.body.waiting_for
    if (waits?.tool_call_ids.includes(callId)) return waits
    await sleep(pauseMs)
  }
}

const answers = [
  {
    path: 'tool-results',
    key: 'result',
    body: { tool_results: [{ tool_call_id: calls.outside, result: sky }] },
  },
  {
    path: `approvals/${calls.pay}`,
    key: 'approval',
    body: { decision: 'approve', arguments: { words: 'five' } },
  },
]

/** The responses to the client, in order. */
export async function answerAll(client: Client): Promise<unknown[]> {
  const said = []
  for (const { path, body, key } of answers) {
    const url = `/v1/sessions/${client.sessionId}/${path}`
    const answer = await postUntilAnswered(client, url, { body, key })
    said.push(answer!.body)
    if (key === 'result') {
      const input = { text: meanwhile, key: 'meanwhile' }
      said.push((await postUntilAccepted(client, client.sessionId, input))!.body)
    }
  }
  return said
}

/** A question, a client's answer, a message meanwhile, and an approval with another sum. */
export async function converse(client: Client): Promise<unknown[]> {
  await postUntilAccepted(client, client.sessionId, { text: question, key: 'question' })
  await untilWaiting(client, calls.outside)
  return answerAll(client)
}

/** Invariants of the end of every run. Returns the log. */
export async function auditEnd(node: Node, world: World, sessionId: string): Promise<Event[]> {
  const events = await eventsOf(node, sessionId)
  auditLog(events)
  const outcomeOf = (id: string) =>
    events.find((event) => event.type === 'tool.completed' && event.data.tool_call_id === id)!
      .data as { status: string; result?: unknown; error?: string }
  assert.deepEqual(outcomeOf(calls.outside).result, [{ type: 'text', text: sky }])
  assert.equal(outcomeOf(calls.look).status, 'success')
  const paid = outcomeOf(calls.pay)
  assert.match(JSON.stringify(paid), /A person changed the arguments/)
  if (paid.status !== 'success') assert.match(paid.error!, /interrupted.*unknown/)
  const payments = world.effects.filter(({ tool }) => tool === 'pay')
  assert.ok(payments.length === 1 || (payments.length === 0 && paid.status !== 'success'))
  for (const { input } of payments) assert.equal(input.words, 'five', 'the approved tool ran')
  const inputs = events.filter((event) => event.type === 'input.message')
  assert.deepEqual(
    inputs.map(({ data }) => data.message.content),
    [question, meanwhile].map((text) => [{ type: 'text', text }]),
  )
  const last = events.findLast((event) => event.type === 'output.message.completed')!
  for (const told of [sky, meanwhile]) assert.ok(JSON.stringify(last.data).includes(told))
  const { body } = await node.call('GET', `/v1/sessions/${sessionId}`)
  assert.deepEqual([body.status, body.waiting_for], ['idle', null])
  return events
}
