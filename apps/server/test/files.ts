import assert from 'node:assert/strict'
import { after, before } from 'node:test'
import type { FileInfo } from '@outlast/contract'
import { type HttpAnswer, startServer } from './server.ts'
import { createSession, eventsOf } from './session.ts'

type Server = Awaited<ReturnType<typeof startServer>>

/**
 * Starts a server for all tests of a file, with sessions whose files are reached without a
 * credential.
 */
export function serverOfFiles(env: Record<string, string> = {}) {
  const cleanups: (() => unknown)[] = []
  const later = { after: (work: () => unknown) => void cleanups.push(work) } as never
  let server: Server
  before(async () => {
    server = await startServer(later, { env })
  })
  after(async () => {
    for (const work of cleanups.reverse()) await work()
  })
  return {
    server: () => server,
    fresh: async () => door(server, (await createSession(server)).id),
  }
}

/** Accesses the files of one session. */
export function door(server: Server, sessionId: string) {
  const base = `/v1/sessions/${sessionId}/fs`
  const call = (method: string, path: string, body?: unknown) =>
    server.call(method, base + path, body)
  return {
    sessionId,
    base,
    call,
    create: (path: string, body: object = {}) => call('POST', path, body),
    /** Returns the changes of files in the log, one line per change. */
    async told() {
      const events = await eventsOf(server, sessionId, '?types=files.changed')
      return events.flatMap((event) =>
        event.type === 'files.changed'
          ? event.data.changes.map(({ change, path, from_path }) =>
              [change, path, from_path].filter(Boolean).join(' '),
            )
          : [],
      )
    },
  }
}

export const pathsIn = ({ body }: HttpAnswer) => body.data.map(({ path }: FileInfo) => path)

export function expectError(
  { status, body }: HttpAnswer,
  expected: [number, string],
  words?: string,
) {
  assert.deepEqual([status, body.code], expected, JSON.stringify(body))
  if (words !== undefined) assert.equal(body.error, words)
}
