import type { Log } from '../../log.ts'
import type { Db } from '../../store/database.ts'
import type { McpServerReach, McpServerRow } from '../../store/models/mcp-servers.ts'
import { saveToolError, saveToolList, type ToolList } from '../../store/models/mcp-tools.ts'
import type { McpConnection } from './connection.ts'
import { McpFailure, mcpFailureSentence, quoted } from './failure.ts'
import { readToolList } from './tool-list.ts'

export type Listed = { list: ToolList; about: McpConnection['about'] }

export type Listings = {
  /** Lists a server's tools and caches them. Contract: throws what `sentenceOf` describes. */
  list: (server: McpServerReach) => Promise<Listed>
  /** The same, soon, for a server that says that it has other tools now. */
  listLater: (server: McpServerReach) => void
  /** Servers with tools fresh enough for a turn: one without any is queried, with a short wait. */
  withTools: (servers: readonly McpServerRow[]) => Promise<McpServerRow[]>
  stop: () => Promise<void>
}

export type ListingOptions = {
  db: Db
  log: Log
  open: (server: McpServerReach, signal: AbortSignal) => Promise<McpConnection>
  /** Age from which a list is had anew. */
  maxAgeMs: number
  stopping: AbortSignal
}

const listMs = 30_000
/** How long a turn waits for the first list of a server. */
const firstListMs = 5_000
/** A server that was silent for so long is not waited for again so soon. */
const silentMs = 60_000
/** A server that changes its tools all the time is asked so often. */
const changesMs = 1_000

export const reachName = ({
  org_id,
  id,
  revision,
}: Pick<McpServerReach, 'org_id' | 'id' | 'revision'>) => `${org_id} ${id} ${revision}`

/** Asks servers for their tools. What they list stands in the database, for all nodes. */
export function createListings({ db, log, open, maxAgeMs, stopping }: ListingOptions): Listings {
  const underWay = new Map<string, Promise<Listed>>()
  const changed = new Map<string, NodeJS.Timeout>()
  /** Until when servers are not waited for, by the clock of this process. */
  const silent = new Map<string, number>()

  async function listOnce(server: McpServerReach): Promise<Listed> {
    const late = AbortSignal.timeout(listMs)
    try {
      const listed = await listBy(server, AbortSignal.any([late, stopping]), open)
      await saveToolList(db, server, listed.list)
      silent.delete(reachName(server))
      return listed
    } catch (error) {
      const failure = late.aborted ? new McpFailure(`did not answer within ${listMs} ms.`) : error
      if (!stopping.aborted) {
        await saveToolError(db, server, problemOf(server, failure)).catch((unsaved) =>
          log.warn('what is wrong with an MCP server is not kept', { error: unsaved }),
        )
      }
      throw failure
    }
  }

  /** One question at a time for each server, whoever wants to know. */
  function list(server: McpServerReach): Promise<Listed> {
    const name = reachName(server)
    const known = underWay.get(name)
    if (known) return known
    const asked = listOnce(server).finally(() => underWay.delete(name))
    underWay.set(name, asked)
    asked.catch((error) => {
      const reason = problemOf(server, error)
      log.debug('the tools of an MCP server are not known', { server: server.id, reason })
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
      if (error === tooLate) silent.set(name, performance.now() + silentMs)
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
          // What went wrong while the list is young is nobody's concern yet.
          return isFresh ? { ...server, tools_error: null } : server
        }),
      ),
    async stop() {
      for (const timer of changed.values()) clearTimeout(timer)
      await Promise.allSettled(underWay.values())
    },
  }
}

/** What is wrong with a server, in one sentence. */
export const problemOf = ({ name }: Pick<McpServerReach, 'name'>, error: unknown) =>
  quoted(`${name} ${mcpFailureSentence(error)}`)

async function listBy(
  server: McpServerReach,
  signal: AbortSignal,
  open: ListingOptions['open'],
): Promise<Listed> {
  const connection = await open(server, signal)
  try {
    return { list: await readToolList(connection, signal), about: connection.about }
  } finally {
    await connection.close()
  }
}

const tooLate = new McpFailure('does not answer.')

/** Contract: throws `tooLate`; the work goes on. */
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
