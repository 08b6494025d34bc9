import { Readable } from 'node:stream'
import { StringDecoder } from 'node:string_decoder'
import {
  ErrorResponse,
  ExportSessionQuery,
  type FileInfo,
  type SessionFile,
} from '@outlast/contract'
import { masked } from '../../../capabilities/catalog/masking.ts'
import { ApiError } from '../../../errors.ts'
import { parseId } from '../../../ids.ts'
import type { Db } from '../../../store/database.ts'
import type { FileEntry } from '../../../store/files/file-tree.ts'
import {
  asInfo,
  isText,
  listAllEntries,
  readBlobs,
  withContent,
} from '../../../store/files/files.ts'
import { listStoredNames } from '../../../store/files/session-storage.ts'
import { getAgent } from '../../../store/models/agents.ts'
import { findSequence, getSequence } from '../../../store/sessions/messages.ts'
import { getSession } from '../../../store/sessions/sessions.ts'
import type { Api } from '../../core/api.ts'
import { auditExport } from '../../core/audit-records.ts'
import { eventBatches } from '../messages/events.ts'

/** Version of the line format, not of the server. */
const version = 1

export function exportRoutes({ app, node }: Api): void {
  app.route<{ Params: { session_id: string }; Querystring: ExportSessionQuery }>({
    method: 'GET',
    url: '/v1/sessions/:session_id/export',
    exposeHeadRoute: false,
    schema: {
      operationId: 'export_session',
      querystring: ExportSessionQuery,
      produces: ['application/x-ndjson'],
      response: { 404: ErrorResponse, '4xx': ErrorResponse },
    },
    async handler(request, reply) {
      const { params, query, principal, db } = request
      const { orgId } = principal
      const sessionId = parseId('session', params.session_id)
      const session = await getSession(db, orgId, sessionId)
      const { id, name, system_prompt } = await getAgent(db, orgId, session.agent_id)
      const upTo = await getSequence(db, orgId, sessionId)
      const about = {
        session: masked(node.capabilities, session),
        agent: { id, name, system_prompt },
      }
      const first = lineOf({ type: 'session', version, ...about })
      const lines = linesOf(db, { orgId, sessionId, upTo, withBytes: query.files === 'content' })
      await auditExport(request, db)
      async function* parts() {
        yield first
        yield* lines
      }
      reply.header('content-type', 'application/x-ndjson; charset=utf-8')
      reply.header('content-disposition', `attachment; filename="${sessionId}.jsonl"`)
      return reply.send(Readable.from(parts(), { objectMode: false }))
    },
  })
}

export const lineOf = (line: { type: string; [field: string]: unknown }) =>
  `${JSON.stringify(line)}\n`

type Exported = {
  orgId: string
  sessionId: string
  upTo: number
  withBytes: boolean
  /** Types of events to leave out. */
  exclude?: string[]
}

/**
 * Yields the lines after the session itself, in batches.
 * Contract: throws when a part of it is gone, so that an incomplete export has no last line.
 */
export async function* linesOf(db: Db, exported: Exported): AsyncGenerator<string> {
  const { orgId, sessionId, upTo, exclude } = exported
  let events = 0
  const wanted = { after: 0, upTo, exclude, limit: Number.MAX_SAFE_INTEGER }
  for await (const batch of eventBatches(db, { orgId, sessionId, whole: false }, wanted)) {
    events += batch.length
    yield batch.map((json) => `{"type":"event","event":${json}}\n`).join('')
  }
  const names = await listStoredNames(db, orgId, sessionId)
  yield names.map((stored) => lineOf({ type: 'stored', stored })).join('')
  let files = 0
  for await (const entries of listAllEntries(db, sessionId)) {
    for await (const { text, count } of fileLines(db, exported, entries)) {
      files += count
      yield text
    }
  }
  const isThere = (await findSequence(db, orgId, sessionId)) !== undefined
  if ((!exclude && events < upTo) || !isThere) throw new ApiError('not_found', 'Session')
  yield lineOf({ type: 'end', events, stored: names.length, files })
}

/** Lines, or a piece of one line; a line counts with its first piece. */
type Lines = { text: string; count: number }

const fileLine = (file: FileInfo | SessionFile) => lineOf({ type: 'file', file })

async function* fileLines(
  db: Db,
  { orgId, sessionId, withBytes }: Exported,
  entries: readonly FileEntry[],
): AsyncGenerator<Lines> {
  if (!withBytes) {
    const text = entries.map((entry) => fileLine(asInfo(sessionId, entry))).join('')
    return yield { text, count: entries.length }
  }
  for (const group of groupsOf(entries)) {
    const hashes = group.flatMap(({ hash }) => hash ?? [])
    const bytes = await readBlobs(db, orgId, hashes)
    for (const entry of group) {
      const info = asInfo(sessionId, entry)
      const empty = entry.is_directory ? info : { ...info, content: null }
      if (entry.hash === null) yield { text: fileLine(empty), count: 1 }
      else yield* contentLine(info, bytes.get(entry.hash))
    }
  }
}

const pieceBytes = 196_608

/** Nothing for a file that was deleted since it was looked up. */
function* contentLine(info: FileInfo, bytes: Buffer | undefined): Generator<Lines> {
  if (!bytes) return
  if (bytes.length > pieceBytes) yield* piecesOf(info, bytes)
  else yield { text: fileLine(withContent(info, bytes)), count: 1 }
}

/** Yields the line of a long file in pieces, so that no step blocks the event loop. */
function* piecesOf(info: FileInfo, bytes: Buffer): Generator<Lines> {
  const encoding = isText(bytes) ? 'text' : 'base64'
  const decoder = new StringDecoder(encoding === 'text' ? 'utf8' : 'base64')
  const head = JSON.stringify(info).slice(0, -1)
  yield { text: `{"type":"file","file":${head},"content":"`, count: 1 }
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const piece = decoder.write(bytes.subarray(at, at + pieceBytes))
    yield { text: JSON.stringify(piece).slice(1, -1), count: 0 }
  }
  yield { text: `${decoder.end()}","encoding":"${encoding}"}}\n`, count: 0 }
}

const groupBytesMax = 1_048_576

/** Entries whose bytes are read together: a megabyte, or one file that is larger. */
function* groupsOf(entries: readonly FileEntry[]): Generator<FileEntry[]> {
  let group: FileEntry[] = []
  let bytes = 0
  for (const entry of entries) {
    if (group.length > 0 && bytes + entry.size_bytes > groupBytesMax) {
      yield group
      group = []
      bytes = 0
    }
    group.push(entry)
    bytes += entry.size_bytes
  }
  if (group.length > 0) yield group
}
