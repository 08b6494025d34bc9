import { parentPort, workerData } from 'node:worker_threads'
import { openDatabase, type Statement } from '../database.ts'
import { isUnavailable } from '../database-errors.ts'
import { isText } from './files.ts'
import type { GrepMessage, GrepQuestion, GrepThreadData } from './grep.ts'
import { addMatches, compileGlob, compilePattern, newGrepProgress } from './grep-matches.ts'
import { lowerPriority } from './low-priority.ts'

/** A thread that searches files, one search at a time, with its own database connection. */

const connections = 1
const batchBytes = 4_000_000
const port = parentPort!
lowerPriority()
const { url, waits } = workerData as GrepThreadData
const limits = { max: connections, timeoutMs: waits.statement, waitMs: waits.connection }
const db = openDatabase({ url, ...limits, onError() {} })

const listing: Statement = {
  name: 'grep-files',
  text: `
select path, hash, size_bytes from files
where session_id = $1 and org_id = $2 and hash is not null order by path`,
}

const reading: Statement = {
  name: 'grep-blobs',
  text: `
select b.bytes from unnest($2::text[]) with ordinality as n(hash, ord)
left join blobs b on b.org_id = $1 and b.hash = n.hash order by n.ord`,
}

type Listed = { path: string; hash: string; size_bytes: number }

port.on('message', async (question: GrepQuestion) => {
  port.postMessage({ begun: true } satisfies GrepMessage)
  const answer = await search(question).catch((error: NodeJS.ErrnoException) => {
    if (isUnavailable(error)) return { away: true as const }
    const { message, stack, code } = error
    return { error: { message, ...(stack && { stack }), ...(code && { code }) } }
  })
  port.postMessage(answer satisfies GrepMessage)
})

async function search({ orgId, sessionId, pattern, pathPattern, timeoutMs }: GrepQuestion) {
  const until = Date.now() + timeoutMs
  const compiled = compilePattern(pattern)
  if (!('test' in compiled)) return compiled
  const glob = pathPattern ? compileGlob(pathPattern) : undefined
  const listed = await db.run<Listed>(listing, [sessionId, orgId])
  const wanted = listed.filter(({ path }) => glob?.test(path) ?? true)
  const found = newGrepProgress()
  const all = [...batches(wanted)]
  let next = readBatch(orgId, all[0])
  for (const [index, batch] of all.entries()) {
    const rows = await next
    // The next batch is read during the search.
    next = readBatch(orgId, all[index + 1])
    next.catch(() => {})
    for (const [index, { path }] of batch.entries()) {
      if (Date.now() > until) return { late: true as const }
      const bytes = rows[index]!.bytes
      if (bytes && isText(bytes)) addMatches(found, compiled, { path, text: bytes.toString() })
    }
    if (found.truncated) break
  }
  return { results: found.results, truncated: found.truncated }
}

async function readBatch(orgId: string, batch: Listed[] = []) {
  const hashes = batch.map(({ hash }) => hash)
  return hashes.length === 0 ? [] : db.run<{ bytes: Buffer | null }>(reading, [orgId, hashes])
}

function* batches(files: Listed[]): Generator<Listed[]> {
  let batch: Listed[] = []
  let bytes = 0
  for (const file of files) {
    if (bytes + file.size_bytes > batchBytes && batch.length > 0) {
      yield batch
      batch = []
      bytes = 0
    }
    batch.push(file)
    bytes += file.size_bytes
  }
  if (batch.length > 0) yield batch
}
