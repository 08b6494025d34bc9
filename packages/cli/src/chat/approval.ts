import { isDeepStrictEqual } from 'node:util'
import type { Approval, ToolCall } from '@outlast/sdk'
import { type Words, wordOf } from '../input/prompt.ts'
import { exactJson } from '../output/width.ts'
import type { Edited } from './editor.ts'
import type { Tell } from './tell.ts'

/** Reads a line. `initial`: text to edit. */
export type Ask = (prompt: string, initial?: string) => Promise<string>

export type Asking = {
  tell: Tell
  ask: Ask
  say: (text: string) => void
  /** Edits a text in an editor. Undefined without one. */
  edit?: ((text: string) => Edited) | undefined
}

type Arguments = Record<string, unknown>

const choices =
  'a: allow, always: allow the tool in this session, d: deny, e: edit the arguments, l: later'
const words = {
  allow: ['a', 'allow', 'y', 'yes'],
  deny: ['d', 'deny', 'n', 'no'],
  edit: ['e', 'edit'],
  later: ['l', 'later'],
  always: ['always'],
} satisfies Words

/**
 * Asks the user to decide on a tool call. Undefined: later.
 * Contract: approves only after a typed word. Edited arguments are shown and need a second word.
 */
export async function decide(
  { name, arguments: args }: Pick<ToolCall, 'name' | 'arguments'>,
  asking: Asking,
): Promise<Approval | undefined> {
  const { ask, say, tell } = asking
  say(tell.line('?', `${name} needs your approval`, '', 'bold'))
  say(tell.whole(args))
  say(tell.prose(choices, 'dim'))
  for (;;) {
    const word = wordOf(await ask('a/d/e/l › '), words)
    if (word === 'allow') return { decision: 'approve' }
    if (word === 'always') return { decision: 'approve', always: 'session' }
    if (word === 'later') return undefined
    if (word === 'deny') {
      const reason = (await ask('reason › ')).trim()
      return { decision: 'deny', ...(reason !== '' && { reason }) }
    }
    if (word === 'edit') {
      const changed = await changedBy(args, asking)
      if (changed && (await isAllowed(changed, asking))) {
        return { decision: 'approve', arguments: changed }
      }
      say(tell.prose('Not decided yet.', 'dim'))
    }
    say(tell.prose(choices, 'dim'))
  }
}

const yesOrNo = { yes: ['y', 'yes'], no: ['n', 'no'] } satisfies Words

async function isAllowed(args: Arguments, { ask, say, tell }: Asking): Promise<boolean> {
  say(tell.whole(args))
  for (;;) {
    const word = wordOf(await ask('allow with these arguments? y/n › '), yesOrNo)
    if (word !== undefined) return word === 'yes'
  }
}

/** Edits the arguments. Undefined if they are invalid or unchanged. */
async function changedBy(args: Arguments, { ask, say, edit, tell }: Asking) {
  const given: Edited = edit
    ? edit(`${exactJson(args, 2)}\n`)
    : { text: await ask('arguments › ', exactJson(args)) }
  const read = 'text' in given ? argumentsIn(given.text) : given
  if ('problem' in read) say(tell.prose(read.problem, 'red'))
  else if (isDeepStrictEqual(read.value, args)) say(tell.prose('The arguments are unchanged.'))
  else return read.value
  return undefined
}

function argumentsIn(text: string): { value: Arguments } | { problem: string } {
  try {
    const value: unknown = JSON.parse(text)
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    return isObject
      ? { value: value as Arguments }
      : { problem: 'The arguments must be a JSON object.' }
  } catch (error) {
    return { problem: `The arguments are not valid JSON: ${(error as Error).message}` }
  }
}
