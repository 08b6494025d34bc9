import path from 'node:path'
import { call } from '../core/client.ts'
import { measureCrowd, resultOf, type Talker } from '../core/crowd.ts'
import { freePort, startServer } from '../core/servers.ts'
import { install, peerEnvironment } from './install.ts'
import { answer, type Peer, type TurnKind } from './peer.ts'

/**
 * A workflow of one recorded step where our turn calls a model once, and of four where it calls a
 * model twice and two tools in between. No session, no stream. POST /load calls it in its own
 * process, POST /turn for an HTTP client.
 */
const program = `
import { DBOS } from '@dbos-inc/dbos-sdk'
import http from 'node:http'

const step = (name) => DBOS.runStep(async () => ${JSON.stringify(answer)}, { name })
const workflows = {
  text: DBOS.registerWorkflow(async (input) => [input, await step('model')], { name: 'text' }),
  tools: DBOS.registerWorkflow(async (input) => {
    await step('model')
    const results = await Promise.all([step('tool'), step('tool')])
    return [input, results, await step('model')]
  }, { name: 'tools' }),
}

const work = (kind) => workflows[kind]

async function load({ kind, clients, forMs }) {
  const latencies = []
  const begun = performance.now()
  const until = begun + forMs
  const turn = work(kind)
  const client = async () => {
    for (let n = 1; performance.now() < until; n++) {
      const at = performance.now()
      await turn('Hello ' + n)
      latencies.push(performance.now() - at)
    }
  }
  await Promise.all(Array.from({ length: clients }, client))
  return { latencies, tookMs: performance.now() - begun }
}

DBOS.setConfig({ name: 'peer', systemDatabaseUrl: process.env.SYSTEM_DATABASE_URL, runAdminServer: false, logLevel: 'error' })
await DBOS.launch()
const server = http.createServer(async (request, response) => {
  let body = ''
  for await (const chunk of request) body += chunk
  const asked = body === '' ? {} : JSON.parse(body)
  if (request.url === '/turn') {
    const turn = work(asked.kind)
    await turn(asked.text)
  }
  const answer = request.url === '/load' ? await load(asked) : {}
  response.end(JSON.stringify(answer))
})
server.listen(Number(process.env.PORT), '127.0.0.1')
process.on('SIGTERM', () => process.exit(0))
`

/**
 * Starts DBOS on a database of its own, and measures it in two ways. First the engine alone, called
 * in its own process; then behind a minimal HTTP server with clients like ours.
 */
export async function startDbos(databaseUrl: string): Promise<[alone: Peer, served: Peer]> {
  const cwd = await install({
    name: 'dbos',
    packages: { '@dbos-inc/dbos-sdk': '5.3.0' },
    files: { 'main.js': program },
  })
  const port = await freePort()
  const { url, stop } = await startServer({
    command: [process.execPath, 'main.js'],
    cwd,
    env: peerEnvironment({ PORT: String(port), SYSTEM_DATABASE_URL: databaseUrl }),
    port,
    logFile: path.join(cwd, 'peer.log'),
  })
  type Load = { latencies: number[]; tookMs: number }
  const alone: Peer = {
    name: 'DBOS 5.3, the engine alone',
    async measure(kind, crowd) {
      const { latencies, tookMs } = await call<Load>(url, 'POST', '/load', { kind, ...crowd })
      return resultOf(latencies, tookMs)
    },
    stop,
  }
  const served: Peer = {
    name: 'DBOS 5.3 behind HTTP',
    measure: (kind, crowd) => measureCrowd(async () => open(url, kind), crowd),
    async stop() {},
  }
  return [alone, served]
}

const open = (url: string, kind: TurnKind): Talker => ({
  async turn(text) {
    const begun = performance.now()
    await call(url, 'POST', '/turn', { kind, text })
    return performance.now() - begun
  },
  close() {},
})
