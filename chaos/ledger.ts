import { randomBytes } from 'node:crypto'
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { Type } from 'typebox'
import {
  defineCapability,
  defineTool,
  ToolError,
} from '../apps/server/src/capabilities/capability.ts'

/** One effect of a tool. `id` is unique. */
export type Effect = {
  id: string
  key: string
  tool: string
  replay: 'safe' | 'unsafe'
  session: string
  turn: string
  call: string
  pid: number
  at: number
}

const input = Type.Object(
  {
    note: Type.String(),
    /** Half of it passes before the effect, half after it. */
    ms: Type.Integer({ minimum: 0, maximum: 60_000 }),
    fail: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
)

/**
 * Tools that write their effects to a file outside the database, one line each.
 * Contract: a written effect survives the end of the process; a line is written atomically.
 */
export function ledgerCapability(file: string) {
  const tool = (replay: Effect['replay']) =>
    defineTool({
      name: `${replay}_effect`,
      description: `Has an effect outside. Replay: ${replay}.`,
      replay,
      input,
      async run({ ms, fail }, context) {
        await sleep(ms / 2, undefined, { signal: context.signal })
        const effect: Effect = {
          id: randomBytes(8).toString('hex'),
          key: context.idempotencyKey,
          tool: `${replay}_effect`,
          replay,
          session: context.sessionId,
          turn: context.turnId,
          call: context.callId,
          pid: process.pid,
          at: Date.now(),
        }
        appendFileSync(file, `${JSON.stringify(effect)}\n`)
        await sleep(ms / 2, undefined, { signal: context.signal })
        if (fail) throw new ToolError('The effect was had, and then this.')
        return { effect: effect.id }
      },
    })
  return defineCapability({
    id: 'ledger',
    name: 'Ledger',
    description: 'Effects that are counted from outside.',
    category: 'Testing',
    icon: 'book',
    status: 'available',
    tools: () => [tool('safe'), tool('unsafe')],
  })
}

export function readLedger(file: string): Effect[] {
  if (!existsSync(file)) return []
  const lines = readFileSync(file, 'utf8').split('\n')
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Effect)
}
