import { parentPort, workerData } from 'node:worker_threads'
import type { GrepMatch, GrepResult } from '@outlast/contract'
import { RE2JS } from 're2js'
import { openDatabase, type Statement } from '../database.ts'
import { isUnavailable } from '../database-errors.ts'
import { isText } from './files.ts'
import { globPattern } from './glob.ts'
import type { GrepAnswer, GrepQuestion } from './grep.ts'
import { lowerPriority } from './low-priority.ts'

/** A thread that searches files, one search at a time, with its own database connection. */

const connections = 1
const statementTimeoutMs = 6_000
const batchBytes = 4_000_000
const matchesMax = 10_000
const answerCharsMax = 2_000_000
const lineCharsMax = 1_000
const port = parentPort!
lowerPriority()
const { url } = workerData as { url: string }
const db = openDatabase({ url, max: connections, timeoutMs: statementTimeoutMs, onError() {} })

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

type GrepProgress = { results: GrepResult[]; matches: number; chars: number; truncated: boolean }
type Listed = { path: string; hash: string; size_bytes: number }

port.on('message', async (question: GrepQuestion) => {
  const answer = await search(question).catch((error: Error) =>
    isUnavailable(error) ? { away: true as const } : { error: String(error) },
  )
  port.postMessage(answer satisfies GrepAnswer)
})

async function search({ orgId, sessionId, pattern, pathPattern, until }: GrepQuestion) {
  const compiled = compile(pattern)
  if (!('test' in compiled)) return compiled
  const glob = pathPattern ? RE2JS.compile(globPattern(pathPattern), RE2JS.DOTALL) : undefined
  const listed = await db.run<Listed>(listing, [sessionId, orgId])
  const wanted = listed.filter(({ path }) => glob?.test(path) ?? true)
  const found: GrepProgress = { results: [], matches: 0, chars: 0, truncated: false }
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

function compile(pattern: string): RE2JS | { invalid: string } {
  try {
    return RE2JS.compile(pattern)
  } catch (error) {
    return { invalid: (error as Error).message.replace(/^error parsing regexp: /, '') }
  }
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

function addMatches(
  found: GrepProgress,
  pattern: RE2JS,
  { path, text }: { path: string; text: string },
) {
  const matches: GrepMatch[] = []
  let number = 0
  for (let at = 0; at <= text.length && !found.truncated; ) {
    const end = text.indexOf('\n', at)
    const line = text.slice(at, end < 0 ? text.length : end)
    number += 1
    at = end < 0 ? text.length + 1 : end + 1
    // The text after the last line break is no line.
    if (line === '' && end < 0 && number > 1) break
    if (!pattern.test(line.endsWith('\r') ? line.slice(0, -1) : line)) continue
    if (found.matches === matchesMax || found.chars > answerCharsMax) {
      found.truncated = true
      break
    }
    const shown = shorten(line)
    matches.push({ path, line_number: number, line: shown })
    found.matches += 1
    found.chars += shown.length
  }
  if (matches.length > 0) found.results.push({ path, matches })
}

const shorten = (line: string) =>
  line.length <= lineCharsMax ? line : `${line.slice(0, lineCharsMax).toWellFormed()}…`
