/**
 * Runs all benchmarks, or the named ones, and prints their results as Markdown.
 *
 *     npm run bench
 *     npm run bench -- turn get-session --quick
 *     npm run bench -- turn --profile=DIR        writes a CPU profile of our server to DIR
 *     npm run bench -- turn --url=http://HOST    measures that server
 *     npm run bench -- start hooks --against=FOLDER   compares with another checkout (after npm ci)
 */
import os from 'node:os'
import { access } from './access.ts'
import { bash } from './bash.ts'
import { budgets } from './budgets.ts'
import { cli } from './cli.ts'
import { consoleInBrowser } from './console.ts'
import { deltas } from './deltas.ts'
import { dev } from './dev.ts'
import { endUsers } from './end-users.ts'
import { eventHooks } from './event-hooks.ts'
import { markdown, type Options, type Report } from './figures.ts'
import { files } from './files.ts'
import { folds } from './folds.ts'
import { fork } from './fork.ts'
import { getSession } from './get-session.ts'
import { hooks } from './hooks.ts'
import { jsonBodies } from './json-bodies.ts'
import { listSessions } from './list-sessions.ts'
import { mcp } from './mcp.ts'
import { parked, questions } from './parked.ts'
import { peers } from './peers.ts'
import { projectStart } from './project-start.ts'
import { projectTools } from './project-tools.ts'
import { react } from './react.ts'
import { reference } from './reference.ts'
import { scaling } from './scaling.ts'
import { schedules } from './schedules.ts'
import { sdkStream } from './sdk-stream.ts'
import { search } from './search.ts'
import { sessionKey } from './session-key.ts'
import { slowReaders } from './slow-readers.ts'
import { soak } from './soak.ts'
import { start } from './start.ts'
import { statements } from './statements.ts'
import { streams } from './streams.ts'
import { takeover } from './takeover.ts'
import { testServers } from './test-servers.ts'
import { tracing } from './tracing.ts'
import { turn } from './turn.ts'
import { turnMemory } from './turn-memory.ts'
import { waiting } from './waiting.ts'
import { webhooks } from './webhooks.ts'

const benchmarks: Record<string, (options: Options) => Promise<Report>> = {
  'get-session': getSession,
  access,
  'end-users': endUsers,
  'list-sessions': listSessions,
  waiting,
  'session-key': sessionKey,
  search,
  turn,
  statements,
  'event-hooks': eventHooks,
  budgets,
  start,
  dev,
  peers,
  streams,
  'slow-readers': slowReaders,
  takeover,
  scaling,
  deltas,
  folds,
  'turn-memory': turnMemory,
  soak,
  parked,
  questions,
  files,
  'json-bodies': jsonBodies,
  bash,
  'project-tools': projectTools,
  mcp,
  hooks,
  fork,
  tracing,
  schedules,
  webhooks,
  'sdk-stream': sdkStream,
  cli,
  console: consoleInBrowser,
  react,
  reference,
  'project-start': projectStart,
  'test-servers': testServers,
}

const args = process.argv.slice(2)
const named = args.filter((arg) => !arg.startsWith('--'))
const unknown = named.find((name) => !(name in benchmarks))
if (unknown) {
  process.stderr.write(`No benchmark ${unknown}: ${Object.keys(benchmarks).join(', ')}\n`)
  process.exit(1)
}
const options: Options = {
  quick: args.includes('--quick'),
  profileDir: optionOf('profile'),
  url: optionOf('url'),
  against: optionOf('against'),
}

function optionOf(option: string): string | undefined {
  const begin = `--${option}=`
  return args.find((arg) => arg.startsWith(begin))?.slice(begin.length)
}

// Only an exit by Node itself runs the handlers that stop the servers.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130))

const say = (text: string) => process.stdout.write(`${text}\n`)
const cores = os.availableParallelism()
say(`Node ${process.version}, ${cores} cores, load ${os.loadavg()[0]!.toFixed(1)} before.\n`)
for (const name of named.length > 0 ? named : Object.keys(benchmarks)) {
  process.stderr.write(`${name}\n`)
  say(markdown(await benchmarks[name]!(options)))
}
