import type { Outlast } from '@outlast/sdk'
import { sizeText } from '../output/progress.ts'
import { oneLine } from '../output/width.ts'

/** What slash commands can do with the conversation that they are said in. */
export type Steering = {
  outlast: Outlast
  signal: AbortSignal
  /** Lines between what the agent says. */
  say: (...lines: string[]) => void
  sessionId: () => string | undefined
  /** A new session, with the next message; of another agent when one is named. */
  renew: (agent?: string) => Promise<void>
  goTo: (sessionId: string) => Promise<void>
  setModel: (name: string | undefined) => Promise<void>
  setEffort: (level: string | undefined) => void
  queue: (text: string) => Promise<void>
  cancel: () => void
  askAgain: () => number
  leave: () => void
}

type Slash = { about: string; run: (steering: Steering, rest: string) => Promise<void> | void }

const slashes: Record<string, Slash> = {
  help: { about: 'this list', run: (steering) => help(steering) },
  new: { about: 'a new session', run: ({ renew }) => renew() },
  session: {
    about: '[ID] which session this is, or another one',
    run: ({ sessionId, goTo, say }, id) =>
      id === '' ? say(sessionId() ?? 'The session begins with the first message.') : goTo(id),
  },
  agent: {
    about: 'AGENT a new session with this agent',
    run: ({ renew, say }, name) => (name === '' ? say('Which? /agent NAME') : renew(name)),
  },
  model: {
    about: '[MODEL] the model from now on; without a name the usual one',
    run: ({ setModel }, name) => setModel(name === '' ? undefined : name),
  },
  effort: {
    about: '[LEVEL] how hard it thinks from now on',
    run: ({ setEffort }, level) => setEffort(level === '' ? undefined : level),
  },
  files: { about: '[PATH] files of the session', run: files },
  queue: {
    about: 'MESSAGE for a turn of its own after this one',
    run: ({ queue, say }, text) => (text === '' ? say('What? /queue MESSAGE') : queue(text)),
  },
  approve: {
    about: 'asks about calls that were left for later',
    run({ askAgain, say }) {
      if (askAgain() === 0) say('No call waits for consent.')
    },
  },
  cancel: { about: 'ends the turn, as Ctrl-C does', run: ({ cancel }) => cancel() },
  exit: { about: 'leaves, as Ctrl-D does', run: ({ leave }) => leave() },
}

function help({ say }: Steering): void {
  say(
    ...Object.entries(slashes).map(([name, { about }]) => `/${name} ${about}`),
    'A line that ends in \\ goes on in the next one. What you say while the agent works reaches it at its next step.',
  )
}

async function files({ outlast, sessionId, say, signal }: Steering, path: string): Promise<void> {
  const id = sessionId()
  const list = id ? (await outlast.files.list(id, path || '/', {}, { signal })).data : []
  const lines = list.map(({ path, is_directory, size_bytes }) =>
    oneLine(is_directory ? `${path}/` : `${path} (${sizeText(size_bytes)})`),
  )
  say(...(lines.length > 0 ? lines : ['There are no files.']))
}

/** Contract: throws what a call to the server throws. */
export async function perform(steering: Steering, entry: string): Promise<void> {
  const [, name = '', rest = ''] = /^\/(\S*)\s*([\s\S]*)$/.exec(entry)!
  const isShort = (known: string) => known === name || (name === 'quit' && known === 'exit')
  const found = Object.keys(slashes).find(isShort)
  if (found) await slashes[found]!.run(steering, rest.trim())
  else steering.say(oneLine(`There is no /${name}. /help says what there is.`))
}
