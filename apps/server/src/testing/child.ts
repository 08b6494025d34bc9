/**
 * The process of a test server. It loads the server's code, waits for a line with its start, and
 * runs until its standard input ends, which is when the process of the test ends.
 * Contract: descriptor 3 has one line, its state. All output goes to standard error.
 */
import { writeFileSync } from 'node:fs'
import { startApp } from '../app.ts'
import { sentenceOf } from '../commands/sentence.ts'
import { logRejections } from '../commands/strays.ts'
import { settings } from '../config/settings.ts'
import { mergedSettings, settingsText } from '../config/settings-text.ts'
import { readConfig } from '../config.ts'
import { createLog } from '../log.ts'
import { loadProject } from '../project/load.ts'
import { openaiCompletions } from '../providers/openai-completions.ts'
import { eachLine, lineOf } from './lines.ts'
import type { ChildMessage, ServerStart, ServerState } from './messages.ts'

const report = (state: ServerState) => writeFileSync(3, lineOf(state))

let stop = async () => {}

async function start({ folder, environment, settings: given, allowed }: ServerStart) {
  takeEnvironment({ ...environment, ...given })
  process.chdir(folder)
  const projectLocation = { folder }
  const project = await loadProject(projectLocation)
  const texts = mergedSettings(settingsText(project.settings), given)
  const hosts = [texts.PRIVATE_HOSTS_ALLOWED, ...allowed].filter(Boolean)
  const config = readConfig({ ...texts, PRIVATE_HOSTS_ALLOWED: hosts.join(',') })
  logRejections(createLog(config.LOG_LEVEL, config.LOG_FORMAT))
  const app = await startApp(config, { project, projectLocation, alone: true, onFatal: fail })
  stop = app.stop
  return { url: app.url, isOpen: config.AUTH_MODE === 'none' }
}

/** The project's code sees the environment of the test, but no settings for other servers. */
function takeEnvironment(environment: Record<string, string | undefined>) {
  for (const name of Object.keys(process.env)) delete process.env[name]
  for (const [name, value] of Object.entries(environment)) {
    if (!(name in settings) && value !== undefined) process.env[name] = value
  }
}

function fail(error: NodeJS.ErrnoException) {
  report({ error: sentenceOf(error), code: error.code })
  process.exit(1)
}

/**
 * Starts a server and stops it: the functions that ran once are compiled, and the next start takes
 * a third of the time.
 */
async function warmUpServer(given: Record<string, string>) {
  const config = readConfig({ PORT: '0', LOG_LEVEL: 'silent', SHUTDOWN_GRACE_MS: '0', ...given })
  const app = await startApp(config, { alone: true })
  await openaiCompletions.model({ apiKey: undefined, baseUrl: app.url }, 'none')
  for (const path of ['/v1/agents', '/v1/llm-models']) await fetch(app.url + path)
  await app.stop()
}

async function take(message: ChildMessage) {
  if ('warmUp' in message && waiting.length === 0)
    await warmUpServer(message.warmUp).catch(() => {})
  if ('start' in message) await start(message.start).then(report, fail)
  if ('stop' in message) await stop().finally(() => process.exit())
}

/** Messages that arrived while an earlier one was handled. */
const waiting: ChildMessage[] = []
let taken = Promise.resolve()

eachLine(process.stdin, (line) => {
  waiting.push(JSON.parse(line) as ChildMessage)
  taken = taken.then(() => take(waiting.shift()!))
})
process.stdin.once('end', () => process.exit())
