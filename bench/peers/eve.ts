import { rm } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { call, follow } from '../core/client.ts'
import { measureCrowd, type Talker } from '../core/crowd.ts'
import { freePort, startServer } from '../core/servers.ts'
import { bin, install, peerEnvironment } from './install.ts'
import { answer, type Peer, type TurnKind } from './peer.ts'

/**
 * eve reads the default export of each file. A constant, because our own files may not contain one.
 */
const asDefault = 'export default'

/** Requests both tools when the newest message needs them and their results are missing. */
const agent = `
import { defineAgent } from 'eve'
import { mockModel } from 'eve/evals'

const calls = [
  { name: 'add', input: { a: 2, b: 3 } },
  { name: 'weather', input: { location: 'Paris' } },
]

${asDefault} defineAgent({
  model: mockModel(({ userMessages, toolResults }) => {
    const wanted = calls.length * userMessages.filter((text) => text.startsWith('tools')).length
    return toolResults.length < wanted ? { toolCalls: calls } : ${JSON.stringify(answer)}
  }),
})
`

const channel = `
import { none } from 'eve/channels/auth'
import { eveChannel } from 'eve/channels/eve'

${asDefault} eveChannel({ auth: [none()] })
`

const sandbox = `
import { defineSandbox } from 'eve/sandbox'
import { JustBashSandbox } from 'eve/sandbox/just-bash'

export const environment = JustBashSandbox.environment()
${asDefault} defineSandbox(() => environment.open())
`

const tool = (description: string, names: string[], type: string) => `
import { defineTool } from 'eve/tools'

${asDefault} defineTool({
  description: ${JSON.stringify(description)},
  inputSchema: ${JSON.stringify({
    type: 'object',
    properties: Object.fromEntries(names.map((name) => [name, { type }])),
  })},
  execute: async (input) => ({ input, result: 5 }),
})
`

/** Starts a built eve agent, which keeps its sessions in files. */
export async function startEve(): Promise<Peer> {
  const cwd = await install({
    name: 'eve',
    packages: { eve: '0.80.1', 'just-bash': '3.4.2' },
    files: {
      'agent/agent.ts': agent,
      'agent/instructions.md': 'You are Ada. Answer in a sentence.\n',
      'agent/channels/eve.ts': channel,
      'agent/sandbox.ts': sandbox,
      'agent/tools/add.ts': tool('Adds two numbers.', ['a', 'b'], 'number'),
      'agent/tools/weather.ts': tool('The weather in a place.', ['location'], 'string'),
    },
    build: [['eve', 'build']],
  })
  await rm(path.join(cwd, '.eve/.workflow-data'), { recursive: true, force: true })
  const port = await freePort()
  const { url, stop } = await startServer({
    command: [bin('eve'), 'start', '--host', '127.0.0.1'],
    cwd,
    env: peerEnvironment({ PORT: String(port) }),
    port,
    health: '/eve/v1/health',
    family: true,
    logFile: path.join(cwd, 'peer.log'),
  })
  return {
    name: 'eve 0.80',
    measure: (kind, crowd) => measureCrowd(() => open(url, kind), crowd),
    stop,
  }
}

const readyAttemptsMax = 400
const readyPauseMs = 50

/** Time from a message's POST until the session waits again. An unmeasured turn comes first. */
async function open(url: string, kind: TurnKind): Promise<Talker> {
  const { sessionId } = await call<{ sessionId: string }>(url, 'POST', '/eve/v1/session')
  const stream = await follow(`${url}/eve/v1/session/${sessionId}/stream`, '"session.waiting"')
  const say = (text: string) =>
    call(url, 'POST', `/eve/v1/session/${sessionId}`, { message: `${kind} ${text}` })
  await stream.until(() => insist(() => say('Hello')))
  return { turn: (text) => stream.until(() => say(text)), close: stream.close }
}

/** Retries: a new session does not accept messages at once. */
async function insist(send: () => Promise<unknown>) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await send()
    } catch (error) {
      const young = (error as Error).message.includes('session_not_ready')
      if (!young || attempt === readyAttemptsMax) throw error
      await sleep(readyPauseMs)
    }
  }
}
