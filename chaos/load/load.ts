import { setTimeout as sleep } from 'node:timers/promises'
import type { ClusterNode } from '../cluster/cluster.ts'
import type { OnBusy, SessionEvidence } from '../evidence.ts'
import { inTurn, type Random } from '../random.ts'
import { type Client, readEvents } from './client.ts'
import { errorKinds, messageOf, type ScriptKind, soundKinds, stepsOf, textsOf } from './script.ts'

/** The client's action after its message was accepted. */
type Habit = 'wait' | 'cancel' | OnBusy

const habits: readonly Habit[] = [
  ...(['wait', 'wait', 'wait', 'wait'] as const),
  ...(['cancel', 'cancel', 'steer', 'queue', 'interrupt', 'reject'] as const),
]

const pollMs = 200
/** More than any script writes, and little enough that budgets lend to their shards. */
const outputMax = 1_000

export type TalkOptions = {
  session: SessionEvidence
  /** Short name of the session, in every marker. */
  name: string
  client: Client
  doors: readonly ClusterNode[]
  random: Random
  /** True when no new message may be sent; started turns still end. */
  enough: () => boolean
  signal: AbortSignal
}

/**
 * Runs a client of one session: it posts messages, cancels, interrupts, and waits until the session
 * is idle.
 */
export async function talk(options: TalkOptions): Promise<void> {
  const { session, random, signal } = options
  const kinds = inTurn(random, session.modelIsSound ? soundKinds : [...soundKinds, ...errorKinds])
  const order = inTurn(random, habits)
  for (let number = 1; !options.enough(); number += 1) {
    const habit = order.next().value
    await post(options, { marker: markerOf(options.name, number), kind: kinds.next().value })
    if (habit !== 'wait') {
      await sleep(random.between(0, 1_500), undefined, { signal })
      if (habit === 'cancel') await cancel(options, number)
      else await postWhileBusy(options, { number, onBusy: habit, kind: kinds.next().value })
    }
    await untilIdle(options)
    await sleep(random.between(0, 600), undefined, { signal })
  }
}

const markerOf = (name: string, number: number, letter = 'a') => `${name}m${number}${letter}`

type Message = { marker: string; kind: ScriptKind; onBusy?: OnBusy }

async function post(options: TalkOptions, { marker, kind, onBusy }: Message) {
  const { session, client, random } = options
  const steps = stepsOf(kind, marker, random)
  for (const text of textsOf(steps)) session.texts.add(text)
  const message = { content: [{ type: 'text', text: messageOf(marker, steps) }] }
  const controls = { max_output_tokens: outputMax }
  const answer = await client.insist({
    method: 'POST',
    path: `/v1/sessions/${session.id}/messages`,
    body: {
      message,
      ...(onBusy && { on_busy: onBusy }),
      ...(random.fraction() < 0.5 && { controls }),
    },
    key: marker,
  })
  const { id, sequence } = answer.status === 201 ? answer.body : {}
  session.posted.push({ marker, onBusy, status: answer.status, id, sequence })
}

async function postWhileBusy(
  options: TalkOptions,
  { number, onBusy, kind }: { number: number; onBusy: OnBusy; kind: ScriptKind },
) {
  // Half of the time, the default is used without naming it, as most clients do.
  const named = onBusy === 'steer' && options.random.fraction() < 0.5 ? undefined : onBusy
  const marker = markerOf(options.name, number, 'b')
  await post(options, { marker, kind, ...(named && { onBusy: named }) })
}

async function cancel({ session, client, name }: TalkOptions, number: number) {
  const { body } = await client.insist({
    method: 'POST',
    path: `/v1/sessions/${session.id}/cancel`,
    key: `${markerOf(name, number)}-cancel`,
  })
  if (body.status === 'cancelled') session.cancelled += 1
}

/**
 * Waits until one node reports idle, then reads the log on another node, which must contain the
 * end.
 */
async function untilIdle({ session, client, doors, random, signal }: TalkOptions) {
  for (;;) {
    const answer = await client.tryOnce({ method: 'GET', path: `/v1/sessions/${session.id}` })
    if (answer?.body.status === 'idle') break
    await sleep(pollMs, undefined, { signal })
  }
  const node = random.pick(doors)
  const after = Math.max(0, (session.posted.at(-1)?.sequence ?? 1) - 1)
  const last = (await readEvents(client, session, { node, after }))?.at(-1)
  if (!last) return
  session.idles.push({ node: node.name, lastType: last.type, lastSequence: last.sequence ?? 0 })
}
