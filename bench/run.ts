/**
 * Runs all benchmarks, or the named ones, and prints their results as Markdown.
 *
 *     npm run bench
 *     npm run bench -- turn get-session --quick
 *     npm run bench -- turn --profile=DIR        writes a CPU profile of our server to DIR
 *     npm run bench -- turn --url=http://HOST    measures that server
 *     npm run bench -- turn --against=FOLDER     compares with another checkout (after npm ci)
 */
import os from 'node:os'
import { consoleInBrowser } from './console/console.ts'
import { react } from './console/react.ts'
import { reference } from './console/reference.ts'
import { markdown, type Options, type Report } from './core/figures.ts'
import { peers } from './peers/peers.ts'
import { access } from './requests/access.ts'
import { endUsers } from './requests/end-users.ts'
import { files } from './requests/files.ts'
import { fork } from './requests/fork.ts'
import { getSession } from './requests/get-session.ts'
import { jsonBodies } from './requests/json-bodies.ts'
import { listSessions } from './requests/list-sessions.ts'
import { search } from './requests/search.ts'
import { sessionKey } from './requests/session-key.ts'
import { waiting } from './requests/waiting.ts'
import { cli } from './start/cli.ts'
import { dev } from './start/dev.ts'
import { projectStart } from './start/project-start.ts'
import { start } from './start/start.ts'
import { testServers } from './start/test-servers.ts'
import { deltas } from './streams/deltas.ts'
import { folds } from './streams/folds.ts'
import { otherNode } from './streams/other-node.ts'
import { sdkStream } from './streams/sdk-stream.ts'
import { slowReaders } from './streams/slow-readers.ts'
import { streams } from './streams/streams.ts'
import { bash } from './turns/bash.ts'
import { budgets } from './turns/budgets.ts'
import { eventHooks } from './turns/event-hooks.ts'
import { hooks } from './turns/hooks.ts'
import { longSessions } from './turns/long-sessions.ts'
import { mcp } from './turns/mcp.ts'
import { parked, questions } from './turns/parked.ts'
import { pause } from './turns/pause.ts'
import { projectTools } from './turns/project-tools.ts'
import { scaling } from './turns/scaling.ts'
import { schedules } from './turns/schedules.ts'
import { soak } from './turns/soak.ts'
import { statements } from './turns/statements.ts'
import { takeover } from './turns/takeover.ts'
import { tracing } from './turns/tracing.ts'
import { turn } from './turns/turn.ts'
import { turnMemory } from './turns/turn-memory.ts'
import { webhooks } from './turns/webhooks.ts'

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
  pause,
  'event-hooks': eventHooks,
  budgets,
  start,
  dev,
  peers,
  streams,
  'slow-readers': slowReaders,
  takeover,
  scaling,
  'other-node': otherNode,
  deltas,
  folds,
  'turn-memory': turnMemory,
  soak,
  'long-sessions': longSessions,
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
