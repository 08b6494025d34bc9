import type { Browser } from 'playwright-core'
import { createAgent, openClient } from '../core/client.ts'
import { withConnection } from '../core/database.ts'
import { type Options, profiled, progress, type Report, type Row } from '../core/figures.ts'
import { addAgents, addSessions } from '../core/fill.ts'
import { databaseUrl, type Server, startBare, startOutlast, withDataDir } from '../core/servers.ts'
import { withBrowser } from './browser.ts'
import { inspector } from './inspector.ts'
import { longSession } from './long-session.ts'
import { memory } from './memory.ts'
import { scroll } from './scroll.ts'
import { start } from './start.ts'
import { tokens } from './token.ts'

const sizes = { few: 100, many: 10_000 }

/** The console in a browser: its start, scrolling, delay of tokens, and memory. */
export function consoleInBrowser(options: Options): Promise<Report> {
  return withDataDir(async (dataDir) => {
    const server = await startOutlast({ env: { DATA_DIR: dataDir }, nodeArgs: profiled(options) })
    const bare = await startBare('console/bare-page.ts')
    try {
      const filled = await fill(server, databaseUrl(dataDir), options)
      return await withBrowser((browser) => measure(browser, { server, bare, ...filled }, options))
    } finally {
      await bare.stop()
      await server.stop()
    }
  })
}

type Filled = { sessions: number; few: string; many: string; fresh: string }

const titleOf = (events: number) => `Conversation of ${events} events`

async function fill({ url }: Server, database: string, options: Options): Promise<Filled> {
  const sessions = options.quick ? 20_000 : 1_000_000
  await withConnection(database, async (client) => {
    await addAgents(client)
    await addSessions(client, sessions)
  })
  progress(`${sessions} sessions`)
  const where = { url, databaseUrl: database }
  const [few, many] = [
    await longSession(where, titleOf(sizes.few), sizes.few),
    await longSession(where, titleOf(sizes.many), sizes.many),
  ]
  const { sessionId: fresh, close } = await openClient(url, await createAgent(url))
  close()
  return { sessions, few, many, fresh }
}

type Measured = Filled & { server: Server; bare: Server }

async function measure(browser: Browser, about: Measured, options: Options): Promise<Report> {
  const { server, bare, few, many, fresh } = about
  const [list, at] = [`${server.url}/`, (id: string) => `${server.url}/sessions/${id}`]
  const listOf = `${about.sessions.toLocaleString('en')} sessions`
  const [fewEvents, manyEvents] = [sizes.few, sizes.many].map((size) => size.toLocaleString('en'))
  const rows: Row[] = [
    ...(await start(
      browser,
      { list, fresh: at(fresh), long: at(many), bare: `${bare.url}/` },
      options,
    )),
    ...(await scroll(
      browser,
      {
        bare: `${bare.url}/long`,
        list,
        listOf,
        sessions: { [fewEvents!]: at(few), [manyEvents!]: at(many) },
      },
      options,
    )),
    ...(await inspector(browser, { session: at(many), events: manyEvents! }, options)),
    ...(await tokens(browser, server.url, {
      words: options.quick ? 100 : 600,
      sessions: [
        { what: 'a new session', id: fresh },
        { what: `after ${manyEvents} events`, id: many },
      ],
    })),
    ...(await memory(browser, server.url, {
      ...options,
      titles: {
        [`${fewEvents} events`]: titleOf(sizes.few),
        [`${manyEvents} events`]: titleOf(sizes.many),
      },
    })),
  ]
  return { title: `The console, ${listOf}`, rows, notes: [] }
}
