import type { Approval, ToolCall } from '@outlast/sdk'
import type { Tell } from './tell.ts'

/** Asks for a line. `initial`: what stands there already, to be changed. */
export type Ask = (prompt: string, initial?: string) => Promise<string>

export type Asking = {
  tell: Tell
  ask: Ask
  say: (text: string) => void
  /** Changes a text in an editor; undefined where there is none. */
  edit?: ((text: string) => Promise<string>) | undefined
}

const choices = 'a: allow, d: deny, e: change the arguments, l: later'

/** What somebody at the terminal decides on a call; undefined: nothing for now. */
export async function decide(
  { name, arguments: args }: Pick<ToolCall, 'name' | 'arguments'>,
  asking: Asking,
): Promise<Approval | undefined> {
  const { ask, say, tell } = asking
  say(tell.line('?', `${name} needs somebody's consent`, '', 'bold'))
  say(tell.whole(args))
  say(tell.prose(choices, 'dim'))
  for (;;) {
    const answer = (await ask('a/d/e/l › ')).trim().toLowerCase()
    if (['a', 'allow', 'y', 'yes'].includes(answer)) return { decision: 'approve' }
    if (['l', 'later'].includes(answer)) return undefined
    if (['d', 'deny', 'n', 'no'].includes(answer)) {
      const reason = (await ask('why not › ')).trim()
      return { decision: 'deny', ...(reason !== '' && { reason }) }
    }
    if (['e', 'edit'].includes(answer)) {
      const changed = await changedBy(args, asking)
      if (changed) return { decision: 'approve', arguments: changed }
    } else say(tell.prose(choices, 'dim'))
  }
}

async function changedBy(args: Record<string, unknown>, { ask, say, edit, tell }: Asking) {
  const text = edit
    ? await edit(`${JSON.stringify(args, null, 2)}\n`)
    : await ask('arguments › ', JSON.stringify(args))
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value as Record<string, unknown>
    }
    say(tell.prose('The arguments are a JSON object.', 'red'))
  } catch (error) {
    say(tell.prose(`That is no JSON: ${(error as Error).message}`, 'red'))
  }
  return undefined
}
