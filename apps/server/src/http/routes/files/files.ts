import {
  CopyFile,
  Deleted,
  ErrorResponse,
  type FileInfo,
  FilePage,
  FileQuery,
  FileStat,
  FileUpdate,
  Grep,
  GrepPage,
  MoveFile,
  NewFile,
  SessionFile,
  StatFile,
} from '@outlast/contract'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { ApiError } from '../../../errors.ts'
import { parseId, uuidOf } from '../../../ids.ts'
import { fileLimits, type Node } from '../../../runtime/node.ts'
import type { Db } from '../../../store/database.ts'
import { decodeContent } from '../../../store/files/content.ts'
import { changeFiles, type FileWork, keepBytes } from '../../../store/files/file-changes.ts'
import {
  copyFile,
  createDirectory,
  createFile,
  type FileEntry,
  movePath,
  removePath,
  updateFile,
} from '../../../store/files/file-tree.ts'
import {
  asInfo,
  countEntries,
  findEntry,
  getEntry,
  jsonOf,
  listEntries,
  readBlob,
  rootInfo,
  withContent,
} from '../../../store/files/files.ts'
import { normalizePath, writablePath } from '../../../store/files/paths.ts'
import type { Api } from '../../core/api.ts'
import { checkMatch, tell } from '../../core/if-match.ts'
import { listed, rangeOf, streamChunks } from '../../core/page.ts'

const bodyBytesMax = 16 * 1024 * 1024

type Params = { session_id: string; '*'?: string }

/** The path of the URL. After a slash, white space is a part of the first name. */
const pathIn = ({ '*': path }: Params) => `/${path}`

type Changing = Pick<FastifyRequest, 'db' | 'committed' | 'principal'> & { params: Params }

const forToken = (access: 'read' | 'write') => ({ forToken: access, tokenNeeds: 'files' }) as const
const reading = { ...forToken('read'), access: 'read', unaudited: true } as const
const writing = { ...forToken('write'), unaudited: true } as const
const errors = { 400: ErrorResponse, 404: ErrorResponse, '4xx': ErrorResponse }
const deleteQuery = Type.Object({
  recursive: Type.Optional(
    Type.Boolean({
      default: false,
      description: 'True also deletes a directory that is not empty, with its content.',
    }),
  ),
})

const filesOf = ({ params, principal }: Pick<Changing, 'params' | 'principal'>) => ({
  orgId: principal.orgId,
  sessionId: parseId('session', params.session_id),
})

/** Makes one change, and notifies followers after its commit. */
async function change<T>(node: Node, request: Changing, work: FileWork<T>) {
  const target = { ...filesOf(request), limits: fileLimits(node.config) }
  const { result, publish } = await changeFiles(request.db, target, work)
  request.committed.push(() => publish(node.bus))
  return result
}

/**
 * The content of a body, stored within the change. So every transaction locks the session before
 * the bytes, and a refused change stores no bytes.
 */
async function brought(node: Node, { principal, db }: Changing, { content, encoding }: FileUpdate) {
  if (content == null) return { keep: async () => undefined }
  const bytes = decodeContent(content, encoding)
  const limits = fileLimits(node.config)
  await node.quotas.checkStorage(db, principal.orgId, bytes.length)
  return { keep: (db: Db) => keepBytes(db, principal.orgId, { bytes, limits }), bytes }
}

async function whole(request: Changing, entry: FileEntry, known?: Buffer): Promise<SessionFile> {
  const { orgId, sessionId } = filesOf(request)
  const info = asInfo(sessionId, entry)
  if (entry.hash === null) return entry.is_directory ? info : { ...info, content: null }
  const bytes = known ?? (await readBlob(request.db, orgId, entry.hash))
  if (!bytes) throw new ApiError('path_not_found', entry.path)
  return withContent(info, bytes)
}

async function get(
  request: Changing & { query: FileQuery },
  reply: FastifyReply,
  path: string,
): Promise<unknown> {
  const of = filesOf(request)
  const { db } = request
  const found = path === '/' ? await findEntry(db, of, path) : await getEntry(db, of, path)
  if (found && !found.is_directory) {
    tell(reply, found)
    return whole(request, found)
  }
  return list(request, reply, { directory: path, recursive: request.query.recursive ?? false })
}

async function list(
  request: Changing & { query: FileQuery },
  reply: FastifyReply,
  listing: { directory: string; recursive: boolean },
) {
  const { sessionId } = filesOf(request)
  const { db } = request
  const { limit, offset = 0 } = request.query
  const count = () => countEntries(db, sessionId, listing)
  if (limit !== undefined) {
    const range = rangeOf(request.query)
    const data: FileInfo[] = []
    for await (const rows of listEntries(db, sessionId, { ...listing, ...range })) {
      for (const row of rows) data.push(asInfo(sessionId, row))
    }
    return listed({ data, total: await count() }, range)
  }
  async function* chunks() {
    for await (const rows of listEntries(db, sessionId, { ...listing, offset })) {
      yield { json: jsonOf(uuidOf(sessionId), rows), count: rows.length }
    }
  }
  const total = offset > 0 ? await count() : undefined
  return streamChunks(reply, { ...(total !== undefined && { total }), offset }, chunks())
}

async function remove(node: Node, request: Changing, path: string, recursive = false) {
  const deleted = await change(node, request, async ({ tree, load, loadBelow }) => {
    await load([path])
    await loadBelow(path)
    return removePath(tree, path, recursive)
  })
  return { deleted }
}

export function fileRoutes(api: Api): void {
  readRoutes(api)
  writeRoutes(api)
  deleteRoutes(api)
  searchRoutes(api)
  copyRoutes(api)
}

function readRoutes({ app }: Api): void {
  app.route<{ Params: Params; Querystring: FileQuery }>({
    method: 'GET',
    url: '/v1/sessions/:session_id/fs',
    config: reading,
    schema: {
      operationId: 'get_root',
      querystring: FileQuery,
      response: { 200: FilePage, ...errors },
    },
    handler: ({ params, query, principal, db, committed }, reply) =>
      get({ params, query, principal, db, committed }, reply, '/'),
  })

  app.route<{ Params: Params; Querystring: FileQuery }>({
    method: 'GET',
    url: '/v1/sessions/:session_id/fs/*',
    config: reading,
    schema: {
      operationId: 'get_path',
      querystring: FileQuery,
      response: { 200: Type.Union([SessionFile, FilePage]), ...errors },
    },
    handler: ({ params, query, principal, db, committed }, reply) =>
      get({ params, query, principal, db, committed }, reply, normalizePath(pathIn(params))),
  })
}

function writeRoutes({ app, node }: Api): void {
  app.route<{ Params: Params; Body: NewFile }>({
    method: 'POST',
    url: '/v1/sessions/:session_id/fs/*',
    bodyLimit: bodyBytesMax,
    config: { ...writing, allowsNul: true, bodyOptional: true },
    schema: {
      operationId: 'create_path',
      body: NewFile,
      response: { 201: SessionFile, 409: ErrorResponse, ...errors },
    },
    async handler(request, reply) {
      const { body } = request
      const path = writablePath(pathIn(request.params))
      const isReadonly = body.is_readonly ?? false
      if (body.is_directory) {
        const made = await change(node, request, async ({ tree, load }) => {
          await load([path])
          return createDirectory(tree, path, isReadonly)
        })
        return reply.code(201).send(asInfo(filesOf(request).sessionId, made))
      }
      const { keep, bytes } = await brought(node, request, body)
      const made = await change(node, request, async ({ tree, load }, db) => {
        await load([path])
        return createFile(tree, path, { content: await keep(db), isReadonly })
      })
      return reply.code(201).send(await whole(request, made, bytes))
    },
  })

  app.route<{ Params: Params; Body: FileUpdate }>({
    method: 'PUT',
    url: '/v1/sessions/:session_id/fs/*',
    bodyLimit: bodyBytesMax,
    config: { ...writing, allowsNul: true, ifMatch: true },
    schema: {
      operationId: 'update_path',
      body: FileUpdate,
      response: { 200: SessionFile, ...errors },
    },
    async handler(request, reply) {
      const path = writablePath(pathIn(request.params))
      const { keep, bytes } = await brought(node, request, request.body)
      const isReadonly = request.body.is_readonly ?? undefined
      const updated = await change(node, request, async ({ tree, load }, db) => {
        await load([path])
        const stored = tree.entries.get(path)
        if (stored) checkMatch(request, path, stored)
        return updateFile(tree, path, { content: await keep(db), isReadonly })
      })
      tell(reply, updated)
      return whole(request, updated, bytes)
    },
  })
}

function deleteRoutes({ app, node }: Api): void {
  app.route<{ Params: Params; Querystring: { recursive?: boolean } }>({
    method: 'DELETE',
    url: '/v1/sessions/:session_id/fs/*',
    config: writing,
    schema: {
      operationId: 'delete_path',
      querystring: deleteQuery,
      response: { 200: Deleted, ...errors },
    },
    async handler(request) {
      return remove(node, request, normalizePath(pathIn(request.params)), request.query.recursive)
    },
  })

  app.route<{ Params: Params; Querystring: { recursive?: boolean } }>({
    method: 'DELETE',
    url: '/v1/sessions/:session_id/fs',
    config: writing,
    schema: { operationId: 'delete_path', hide: true, querystring: deleteQuery, response: errors },
    async handler(request) {
      return remove(node, request, '/', request.query.recursive)
    },
  })

  app.route<{ Params: Params }>({
    method: 'POST',
    url: '/v1/sessions/:session_id/fs',
    config: { ...writing, allowsNul: true, bodyOptional: true },
    schema: { operationId: 'create_path', hide: true, response: errors },
    async handler(request) {
      await findEntry(request.db, filesOf(request), '/')
      throw new ApiError('root_path', 'create at root path, specify a path')
    },
  })
}

function searchRoutes({ app, node }: Api): void {
  app.route<{ Params: Params; Body: StatFile }>({
    method: 'POST',
    url: '/v1/sessions/:session_id/fs/_/stat',
    config: reading,
    schema: {
      operationId: 'stat_file',
      body: StatFile,
      response: { 200: FileStat, ...errors },
    },
    async handler(request) {
      const { db } = request
      const of = filesOf(request)
      const path = normalizePath(request.body.path)
      const entry = path === '/' ? await findEntry(db, of, path) : await getEntry(db, of, path)
      const info = entry ? asInfo(of.sessionId, entry) : rootInfo(of.sessionId)
      const { id: _, session_id: __, ...stat } = info
      return stat
    },
  })

  app.route<{ Params: Params; Body: Grep }>({
    method: 'POST',
    url: '/v1/sessions/:session_id/fs/_/grep',
    config: { ...reading, allowsNul: true },
    schema: {
      operationId: 'grep_files',
      body: Grep,
      response: { 200: GrepPage, ...errors },
    },
    async handler(request) {
      const { pattern, path_pattern: pathPattern } = request.body
      const of = filesOf(request)
      await findEntry(request.db, of, '/')
      const { results, truncated } = await node.grep({ ...of, pattern, pathPattern })
      const total = results.length
      const page = { data: results, total, offset: 0, limit: Math.max(total, 1) }
      return truncated ? { ...page, truncated } : page
    },
  })
}

function copyRoutes({ app, node }: Api): void {
  app.route<{ Params: Params; Body: CopyFile }>({
    method: 'POST',
    url: '/v1/sessions/:session_id/fs/_/copy',
    config: writing,
    schema: {
      operationId: 'copy_file',
      body: CopyFile,
      response: { 201: SessionFile, 409: ErrorResponse, ...errors },
    },
    async handler(request, reply) {
      const from = normalizePath(request.body.src_path)
      const to = writablePath(request.body.dst_path)
      await node.quotas.checkStorage(request.db, request.principal.orgId)
      const copied = await change(node, request, async ({ tree, load }) => {
        await load([from, to])
        return copyFile(tree, from, to)
      })
      return reply.code(201).send(await whole(request, copied))
    },
  })

  app.route<{ Params: Params; Body: MoveFile }>({
    method: 'POST',
    url: '/v1/sessions/:session_id/fs/_/move',
    config: writing,
    schema: {
      operationId: 'move_file',
      body: MoveFile,
      response: { 200: SessionFile, 409: ErrorResponse, ...errors },
    },
    async handler(request) {
      const from = writablePath(request.body.src_path)
      const to = writablePath(request.body.dst_path)
      const moved = await change(node, request, async ({ tree, load, loadBelow }) => {
        await load([from, to])
        await loadBelow(from)
        return movePath(tree, from, to)
      })
      return whole(request, moved)
    },
  })
}
