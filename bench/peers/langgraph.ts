import { rm } from 'node:fs/promises'
import path from 'node:path'
import { call } from '../core/client.ts'
import { measureCrowd, type Talker } from '../core/crowd.ts'
import { freePort, startServer } from '../core/servers.ts'
import { bin, install, peerEnvironment } from './install.ts'
import { answer, type Peer, type TurnKind } from './peer.ts'

const graphs = `
import { AIMessage, ToolMessage } from '@langchain/core/messages'
import { END, MessagesAnnotation, START, StateGraph } from '@langchain/langgraph'

const say = () => ({ messages: [new AIMessage(${JSON.stringify(answer)})] })
const calls = (at) => [
  { name: 'add', args: { a: 2, b: 3 }, id: 'add-' + at },
  { name: 'weather', args: { location: 'Paris' }, id: 'weather-' + at },
]

export const text = new StateGraph(MessagesAnnotation)
  .addNode('model', say)
  .addEdge(START, 'model')
  .addEdge('model', END)
  .compile()

export const tools = new StateGraph(MessagesAnnotation)
  .addNode('model', ({ messages }) =>
    messages.at(-1).getType() === 'tool'
      ? say()
      : { messages: [new AIMessage({ content: '', tool_calls: calls(messages.length) })] },
  )
  .addNode('tools', ({ messages }) => ({
    messages: messages
      .at(-1)
      .tool_calls.map(({ id, name }) => new ToolMessage({ tool_call_id: id, name, content: '5' })),
  }))
  .addEdge(START, 'model')
  .addConditionalEdges('model', ({ messages }) => (messages.at(-1).tool_calls?.length ? 'tools' : END))
  .addEdge('tools', 'model')
  .compile()
`

const settings = {
  node_version: '24',
  graphs: { text: './graphs.mjs:text', tools: './graphs.mjs:tools' },
  env: {},
}

/** Starts the dev server of LangGraph.js, which keeps all data in memory. */
export async function startLanggraph(): Promise<Peer> {
  const cwd = await install({
    name: 'langgraph',
    packages: {
      '@langchain/langgraph-cli': '1.5.1',
      '@langchain/langgraph': '1.7.3',
      '@langchain/core': '1.4.0',
    },
    files: { 'graphs.mjs': graphs, 'langgraph.json': JSON.stringify(settings) },
  })
  await rm(path.join(cwd, '.langgraph_api'), { recursive: true, force: true })
  const port = await freePort()
  const address = ['--host', '127.0.0.1', '--port', String(port)]
  const { url, stop } = await startServer({
    command: [bin('langgraphjs'), 'dev', '--no-browser', '--no-reload', ...address],
    cwd,
    env: peerEnvironment(),
    port,
    health: '/ok',
    family: true,
    logFile: path.join(cwd, 'peer.log'),
  })
  return {
    name: 'LangGraph.js dev server 1.5',
    measure: (kind, crowd) => measureCrowd(() => open(url, kind), crowd),
    stop,
  }
}

/** From the POST of a run until its response, which is sent when the run has ended. */
async function open(url: string, kind: TurnKind): Promise<Talker> {
  const { thread_id } = await call<{ thread_id: string }>(url, 'POST', '/threads', {})
  return {
    async turn(text) {
      const begun = performance.now()
      await call(url, 'POST', `/threads/${thread_id}/runs/wait`, {
        assistant_id: kind,
        input: { messages: [{ role: 'user', content: text }] },
      })
      return performance.now() - begun
    },
    close() {},
  }
}
