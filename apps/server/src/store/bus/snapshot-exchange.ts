import type { Log } from '../../log.ts'
import type { Db } from '../database.ts'
import type { LiveMessage } from './live-message.ts'
import { readSnapshots, removeSnapshot, type Snapshot, writeSnapshots } from './snapshots.ts'

/** A message that this node writes. */
export type OwnMessage = {
  readonly message: LiveMessage
  /** False while another node may have taken over the turn. */
  readonly held: () => boolean
  /** Resolves when the snapshots under way are written. */
  written?: Promise<void>
}

export type SnapshotExchangeOptions = {
  db: Db
  log: Log
  written: (snapshot: { session: string; sequence: number }) => void
  read: (snapshot: Snapshot) => void
}

/** Stores requested snapshots and reads the ones this node requested, many per statement. */
export function createSnapshotExchange({ db, log, written, read }: SnapshotExchangeOptions) {
  const asked = new Map<string, OwnMessage>()
  const named = new Set<string>()

  const writeSome = onceAtATime(async () => {
    const batch = [...asked].map(([session, own]) => ({ session, own }))
    asked.clear()
    const writing = writeSnapshots(
      db,
      batch.map(({ session, own }) => ({ sessionId: session, ...own.message })),
    )
    const done = writing.catch((error) =>
      log.warn('snapshots were not written; late followers lack the text so far', { error }),
    )
    for (const { own } of batch) own.written = done
    await done
    for (const { session, own } of batch) written({ session, sequence: own.message.sequence })
    return asked.size > 0
  })

  const readSome = onceAtATime(async () => {
    const sessions = [...named]
    named.clear()
    const snapshots = await readSnapshots(db, sessions).catch((error) => {
      log.warn('snapshots were not read', { error })
      return []
    })
    for (const snapshot of snapshots) read(snapshot)
    return named.size > 0
  })

  return {
    /** Writes a snapshot of a message of this node. */
    write(session: string, own: OwnMessage) {
      asked.set(session, own)
      writeSome()
    },
    /** Reads a requested snapshot that has been stored. */
    read(session: string) {
      named.add(session)
      readSome()
    },
    /** Removes the snapshot of a message that has ended. */
    async remove(session: string, own: OwnMessage) {
      asked.delete(session)
      if (!own.written) return
      await own.written
      await removeSnapshot(db, session, own.message.sequence).catch((error) =>
        log.debug('a snapshot was not deleted; the next sweep deletes it', { error }),
      )
    },
  }
}

/** Starts `work` unless it is running, and repeats it while it returns true: more is pending. */
function onceAtATime(work: () => Promise<boolean>): () => void {
  let busy = false
  return async () => {
    if (busy) return
    busy = true
    // Requests of the same event-loop turn are combined.
    await new Promise(setImmediate)
    while (await work());
    busy = false
  }
}
