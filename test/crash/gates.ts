import type { ChatMessage, Effect, Piece, WorldOptions } from './world.ts'

export type Gate = {
  /** A request waits at the gate. */
  reached: Promise<void>
  open: () => void
  pass: () => Promise<void>
}

/** A step that waits for the test. */
export function createGate(): Gate {
  const reached = Promise.withResolvers<void>()
  const opened = Promise.withResolvers<void>()
  return {
    reached: reached.promise,
    open: opened.resolve,
    pass() {
      reached.resolve()
      return opened.promise
    },
  }
}

export type Gates = WorldOptions & {
  /** The gate of a request with these words; a second one finds the gate of `words again`. */
  gate: (words: string) => Gate
}

/**
 * A world whose turns wait at gates of the test. A message that begins with `text` is answered in
 * two pieces with a gate between them. One that begins with a tool's name runs the tool, with a
 * gate after the effect. One that begins with `ask` runs `pay` after a gate, and the gate after the
 * effect has the words and `paid`. All other messages are answered at once.
 */
export function gatedWorld(): Gates {
  const gates = new Map<string, Gate>()
  const gate = (name: string) => {
    const found = gates.get(name) ?? createGate()
    gates.set(name, found)
    return found
  }
  const passed = new Set<string>()
  const pass = (name: string) => {
    const again = passed.has(name)
    passed.add(name)
    return gate(again ? `${name} again` : name).pass()
  }
  async function* reply(prompt: ChatMessage[]): AsyncGenerator<Piece> {
    const text = newestWords(prompt)
    const [kind = ''] = text.split(' ')
    const lastRole = prompt.at(-1)?.role
    if (lastRole === 'tool') return yield `Done: ${text}`
    if (kind === 'look' || kind === 'pay') return yield { name: kind, arguments: { words: text } }
    if (kind === 'ask') {
      await pass(text)
      return yield { name: 'pay', arguments: { words: `${text} paid` } }
    }
    yield 'One, '
    if (kind === 'text') await pass(text)
    yield `two: ${text}`
  }
  const onEffect = ({ input }: Effect) => pass(input.words ?? '')
  return { gate, reply, onEffect }
}

function newestWords(prompt: ChatMessage[]): string {
  const content = prompt.findLast(({ role }) => role === 'user')?.content
  return typeof content === 'string' ? content : JSON.stringify(content)
}
