import type { Log } from '../../log.ts'
import type { Db } from '../../store/database.ts'
import type { McpServerReach, McpServerRow } from '../../store/models/mcp-servers.ts'
import {
  hashesOf,
  saveToolError,
  saveToolList,
  type ToolHashes,
  type ToolList,
} from '../../store/models/mcp-tools.ts'
import type { McpConnection } from './connection.ts'
import { McpFailure, mcpFailureSentence, quoted, rejection } from './failure.ts'
import { readToolList } from './tool-list.ts'

export type ListedTools = { list: ToolList; hashes: ToolHashes; about: McpConnection['about'] }

export type Listings = {
  /**
   * Lists a server's tools and stores them. Contract: throws McpFailure for failures of the server,
   * and errors of the database.
   */
  list: (server: McpServerReach) => Promise<ListedTools>
  /** Lists again soon, for a server that announces a changed list. */
  listLater: (server: McpServerReach) => void
  /**
   * Servers with tools fresh enough for a turn: one without any is queried, with a short wait.
   * Contract: throws errors of the database.
   */
  withTools: (servers: readonly McpServerRow[]) => Promise<McpServerRow[]>
  stop: () => Promise<void>
}

/** A list under way: the response of the server, and its end once the database has it. */
type PendingList = { response: Promise<ListedTools>; stored: Promise<ListedTools> }

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
  const underWay = new Map<string, PendingList>()
  const changed = new Map<string, NodeJS.Timeout>()
  /** End of the time without waiting for a server, by the clock of this process. */
  const silent = new Map<string, number>()

  /** Stores the response of a server, or its failure. */
  async function store(server: McpServerReach, response: Promise<ListedTools>) {
    const listed = await response.catch(async (failure) => {
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
    })
    await saveToolList(db, server, listed)
    silent.delete(reachName(server))
    return listed
  }

  /** Makes one request per server at a time, shared by all callers. */
  function begin(server: McpServerReach): PendingList {
    const name = reachName(server)
    const known = underWay.get(name)
    if (known) return known
    const response = requestList(server, { open, stopping })
    const stored = store(server, response).finally(() => underWay.delete(name))
    underWay.set(name, { response, stored })
    stored.catch((error) =>
      log.debug('could not list the tools of an MCP server', { server: server.id, error }),
    )
    return { response, stored }
  }

  const list = (server: McpServerReach) => begin(server).stored

  async function withFirstList(server: McpServerRow): Promise<McpServerRow> {
    const name = reachName(server)
    const { response, stored } = begin(server)
    const waitMs = (silent.get(name) ?? 0) > performance.now() ? 0 : firstListMs
    try {
      await within(waitMs, Promise.allSettled([response]))
      const { list: tools } = await stored
      return { ...server, tools, tools_error: null }
    } catch (error) {
      if (!(error instanceof McpFailure)) throw error
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
      await Promise.allSettled([...underWay.values()].map(({ stored }) => stored))
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
export const problemOf = ({ name }: Pick<McpServerReach, 'name'>, { message }: McpFailure) =>
  quoted(`${name} ${message}`)

/** Requests a server's tools. Contract: throws McpFailure. */
async function requestList(
  server: McpServerReach,
  { open, stopping }: Pick<ListingOptions, 'open' | 'stopping'>,
): Promise<ListedTools> {
  const late = AbortSignal.timeout(listMs)
  const signal = AbortSignal.any([late, stopping])
  try {
    const connection = await open(server, signal)
    try {
      const list = await readToolList(connection, signal)
      return { list, hashes: hashesOf(list), about: connection.about }
    } finally {
      await connection.close()
    }
  } catch (error) {
    throw new McpFailure(
      late.aborted ? `did not respond within ${listMs} ms.` : mcpFailureSentence(error),
    )
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
