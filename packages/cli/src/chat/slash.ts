import type { Outlast } from '@outlast/sdk'
import { nearest } from '../core/suggest.ts'
import { aligned } from '../output/aligned.ts'
import { sizeText } from '../output/progress.ts'
import { oneLine, wrap } from '../output/width.ts'

/** Actions of slash commands on their conversation. */
export type Steering = {
  outlast: Outlast
  signal: AbortSignal
  /** Prints notes between the messages of the agent. */
  say: (...lines: string[]) => void
  /** Prints lines whose columns are aligned. */
  list: (lines: readonly string[]) => void
  columns: () => number
  sessionId: () => string | undefined
  /** Starts a new session with the next message, of another agent if one is named. */
  renew: (agent?: string) => Promise<void>
  goTo: (sessionId: string) => Promise<void>
  isAgent: (id: string) => boolean
  /** Model of the next messages. Undefined: the default. */
  modelId: () => string | undefined
  setModel: (name: string | undefined) => Promise<void>
  setEffort: (level: string | undefined) => void
  attach: (file: string) => Promise<void>
  queue: (text: string) => Promise<void>
  cancel: () => void
  askAgain: () => number
  leave: () => void
}

type Slash = {
  argument?: string
  about: string
  run: (steering: Steering, rest: string) => Promise<void> | void
}

const slashes: Record<string, Slash> = {
  help: { about: 'list the commands', run: (steering) => help(steering) },
  new: { about: 'start a new session', run: ({ renew }) => renew() },
  session: {
    argument: '[ID]',
    about: 'show the session id, or switch to another session',
    run: ({ sessionId, goTo, say }, id) =>
      id === '' ? say(sessionId() ?? 'The first message starts the session.') : goTo(id),
  },
  agent: {
    argument: '[AGENT]',
    about: 'list the agents, or start a session with another one',
    run: (steering, name) => (name === '' ? listAgents(steering) : steering.renew(name)),
  },
  model: {
    argument: '[MODEL]',
    about: 'list the models, or use another one; `default` resets it',
    run: (steering, name) =>
      name === '' ? listModels(steering) : steering.setModel(name === 'default' ? undefined : name),
  },
  effort: {
    argument: '[LEVEL]',
    about: 'set the reasoning effort, or reset it',
    run: ({ setEffort }, level) => setEffort(level === '' ? undefined : level),
  },
  files: { argument: '[PATH]', about: 'list the files of the session', run: listFiles },
  image: {
    argument: 'FILE',
    about: 'send an image with the next message',
    run: ({ attach, say }, file) =>
      file === '' ? say('/image needs a file: /image FILE') : attach(file),
  },
  queue: {
    argument: 'MESSAGE',
    about: 'send a message after the running turn',
    run: ({ queue, say }, text) =>
      text === '' ? say('/queue needs a message: /queue MESSAGE') : queue(text),
  },
  approve: {
    about: 'decide on calls that were left for later',
    run({ askAgain, say }) {
      if (askAgain() === 0) say('No call waits for approval.')
    },
  },
  cancel: { about: 'cancel the turn, like Ctrl-C', run: ({ cancel }) => cancel() },
  exit: { about: 'exit, like Ctrl-D', run: ({ leave }) => leave() },
}

function help({ list, columns }: Steering): void {
  const rows = Object.entries(slashes).map(([name, { argument, about }]): [string, string] => [
    argument === undefined ? `/${name}` : `/${name} ${argument}`,
    about,
  ])
  const most = columns()
  list([
    ...aligned(rows, most),
    ...wrap('A line that ends in \\ continues on the next line.', most),
    ...wrap('The agent reads a message that you send during a turn at its next step.', most),
  ])
}

const listedMax = 100

/** The first items of all pages that pass, and a sentence about their number if there are more. */
async function firstOf<T>(all: AsyncIterable<T>, passes = (_item: T) => true) {
  const items: T[] = []
  for await (const item of all) {
    if (!passes(item)) continue
    if (items.length === listedMax) return { items, cut: `These are the first ${listedMax}. ` }
    items.push(item)
  }
  return { items, cut: '' }
}

/** Lists the agents. `*` marks the current one. */
async function listAgents({ outlast, signal, columns, list, isAgent }: Steering): Promise<void> {
  const all = outlast.agents.list({ limit: listedMax }, { signal })
  const { items, cut } = await firstOf(all)
  const rows = items.map(({ id, name, description }): [string, string] => [
    `${isAgent(id) ? '*' : ' '} ${oneLine(name)}`,
    oneLine(description ?? ''),
  ])
  list([...aligned(rows, columns()), ...wrap(`${cut}/agent NAME starts a session.`, columns())])
}

/** Lists the active models. `*` marks the one of the next message. */
async function listModels({ outlast, signal, columns, list, modelId }: Steering): Promise<void> {
  const all = outlast.models.list({ limit: listedMax }, { signal })
  const { items, cut } = await firstOf(all, ({ status }) => status === 'active')
  const chosen = modelId()
  const isCurrent = (id: string, is_default: boolean) =>
    chosen === undefined ? is_default : id === chosen
  const rows = items.map(({ id, display_name, provider_name, is_default }): [string, string] => [
    `${isCurrent(id, is_default) ? '*' : ' '} ${oneLine(display_name)}`,
    oneLine(`${provider_name ?? ''}${is_default ? ' (default)' : ''}`),
  ])
  const hint = `${cut}/model NAME uses a model, /model default the default of the agent.`
  list([...aligned(rows, columns()), ...wrap(hint, columns())])
}

async function listFiles(
  { outlast, sessionId, say, signal }: Steering,
  path: string,
): Promise<void> {
  const id = sessionId()
  const list = id ? (await outlast.files.list(id, path || '/', {}, { signal })).data : []
  const lines = list.map(({ path, is_directory, size_bytes }) =>
    oneLine(is_directory ? `${path}/` : `${path} (${sizeText(size_bytes)})`),
  )
  say(...(lines.length > 0 ? lines : ['No files.']))
}

/** Runs a slash command. Contract: throws the errors of its requests. */
export async function perform(steering: Steering, entry: string): Promise<void> {
  const [, name = '', rest = ''] = /^\/(\S*)\s*([\s\S]*)$/.exec(entry)!
  const isShort = (known: string) => known === name || (name === 'quit' && known === 'exit')
  const found = Object.keys(slashes).find(isShort)
  if (found) await slashes[found]!.run(steering, rest.trim())
  else {
    const near = nearest(name, Object.keys(slashes))
    const advice = near === undefined ? '' : ` Did you mean /${near}?`
    steering.say(oneLine(`Unknown command /${name}.${advice} /help lists commands.`))
  }
}
