import type { Log } from '../../log.ts'
import type { Db } from '../../store/database.ts'
import type { McpServerReach, McpServerRow } from '../../store/models/mcp-servers.ts'
import { saveToolError, saveToolList, type ToolList } from '../../store/models/mcp-tools.ts'
import type { McpConnection } from './connection.ts'
import { McpFailure, mcpFailureSentence, quoted, rejection } from './failure.ts'
import { readToolList } from './tool-list.ts'

export type ListedTools = { list: ToolList; about: McpConnection['about'] }

export type Listings = {
  /**
   * Lists a server's tools and caches them. Contract: throws errors that `mcpFailureSentence`
   * describes.
   */
  list: (server: McpServerReach) => Promise<ListedTools>
  /** Lists again soon, for a server that announces a changed list. */
  listLater: (server: McpServerReach) => void
  /** Servers with tools fresh enough for a turn: one without any is queried, with a short wait. */
  withTools: (servers: readonly McpServerRow[]) => Promise<McpServerRow[]>
  stop: () => Promise<void>
}

export type ListingOptions = {
  db: Db
  log: Log
  open: (server: McpServerReach, signal: AbortSignal) => Promise<McpConnection>
  /** Age at which a list is updated, in ms. */
  maxAgeMs: number
  stopping: AbortSignal
}

const listMs = 30_000
/** Time that a turn waits for a server's first list, in ms. */
const firstListMs = 5_000
/** Time after which a turn waits again for a server that did not respond, in ms. */
const silentMs = 60_000
/** Entries above which past ones are dropped. */
const silentMax = 1_000
/** Minimum interval of lists for a server that keeps changing its tools, in ms. */
const changesMs = 1_000

export const reachName = ({
  org_id,
  id,
  revision,
}: Pick<McpServerReach, 'org_id' | 'id' | 'revision'>) => `${org_id} ${id} ${revision}`

/** Creates the lists of MCP tools, which are stored in the database for all nodes. */
export function createListings({ db, log, open, maxAgeMs, stopping }: ListingOptions): Listings {
  const underWay = new Map<string, Promise<ListedTools>>()
  const changed = new Map<string, NodeJS.Timeout>()
  /** End of the time without waiting for a server, by the clock of this process. */
  const silent = new Map<string, number>()

  async function listOnce(server: McpServerReach): Promise<ListedTools> {
    const late = AbortSignal.timeout(listMs)
    try {
      const listed = await listBy(server, AbortSignal.any([late, stopping]), open)
      await saveToolList(db, server, listed.list)
      silent.delete(reachName(server))
      return listed
    } catch (error) {
      const failure = late.aborted ? new McpFailure(`did not respond within ${listMs} ms.`) : error
      if (!stopping.aborted) {
        const about = {
          error: problemOf(server, failure),
          rejection: `${server.name} ${rejection}`,
        }
        await saveToolError(db, server, about).catch((unsaved) =>
          log.warn('could not store the fault of an MCP server', { error: unsaved }),
        )
      }
      throw failure
    }
  }

  /** Makes one request per server at a time, shared by all callers. */
  function list(server: McpServerReach): Promise<ListedTools> {
    const name = reachName(server)
    const known = underWay.get(name)
    if (known) return known
    const asked = listOnce(server).finally(() => underWay.delete(name))
    underWay.set(name, asked)
    asked.catch((error) => {
      const reason = problemOf(server, error)
      log.debug('could not list the tools of an MCP server', { server: server.id, reason })
    })
    return asked
  }

  async function withFirstList(server: McpServerRow): Promise<McpServerRow> {
    const name = reachName(server)
    const asked = list(server)
    const waitMs = (silent.get(name) ?? 0) > performance.now() ? 0 : firstListMs
    try {
      const { list: tools } = await within(waitMs, asked)
      return { ...server, tools, tools_error: null }
    } catch (error) {
      if (error === tooLate) addSilent(silent, name)
      return { ...server, tools_error: problemOf(server, error) }
    }
  }

  return {
    list,
    listLater(server) {
      const name = reachName(server)
      if (changed.has(name) || stopping.aborted) return
      const timer = setTimeout(() => {
        changed.delete(name)
        void list(server).catch(() => {})
      }, changesMs)
      changed.set(name, timer.unref())
    },
    withTools: (servers) =>
      Promise.all(
        servers.map(async (server) => {
          if (server.status !== 'active') return server
          if (server.tools === null) return withFirstList(server)
          const isFresh = (server.tools_age_ms ?? 0) < maxAgeMs
          if (!isFresh) list(server).catch(() => {})
          // Failures are not reported while the list is fresh.
          return isFresh ? { ...server, tools_error: null } : server
        }),
      ),
    async stop() {
      for (const timer of changed.values()) clearTimeout(timer)
      await Promise.allSettled(underWay.values())
    },
  }
}

/** Adds a server to those without a wait, and drops past ones when there are many. */
function addSilent(silent: Map<string, number>, name: string) {
  const now = performance.now()
  if (silent.size >= silentMax) {
    for (const [other, until] of silent) if (until <= now) silent.delete(other)
  }
  silent.set(name, now + silentMs)
}

/** Describes a server's failure in one sentence. */
export const problemOf = ({ name }: Pick<McpServerReach, 'name'>, error: unknown) =>
  quoted(`${name} ${mcpFailureSentence(error)}`)

async function listBy(
  server: McpServerReach,
  signal: AbortSignal,
  open: ListingOptions['open'],
): Promise<ListedTools> {
  const connection = await open(server, signal)
  try {
    return { list: await readToolList(connection, signal), about: connection.about }
  } finally {
    await connection.close()
  }
}

const tooLate = new McpFailure('does not respond.')

/** Waits at most `ms`. Contract: throws `tooLate`; the work continues. */
async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(tooLate), ms)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
