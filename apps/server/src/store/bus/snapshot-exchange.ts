import type { Log } from '../../log.ts'
import type { Db } from '../database.ts'
import type { LiveMessage } from './live-message.ts'
import { readSnapshots, removeSnapshot, type Snapshot, writeSnapshots } from './snapshots.ts'

/** A message that this node writes. */
export type OwnMessage = {
  readonly message: LiveMessage
  /** False while another node may have taken the turn over. */
  readonly held: () => boolean
  /** Snapshots of it that were begun. */
  written?: Promise<void>
}

export type SnapshotExchangeOptions = {
  db: Db
  log: Log
  written: (snapshot: { session: string; sequence: number }) => void
  read: (snapshot: Snapshot) => void
}

/** Stores snapshots for those who ask and reads what was asked for, many to one statement. */
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
    const done = writing.catch((error) => log.warn('a late follower gets no text', { error }))
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
    /** Somebody wants a message of this node's. */
    write(session: string, own: OwnMessage) {
      asked.set(session, own)
      writeSome()
    },
    /** The snapshot that was asked for is there. */
    read(session: string) {
      named.add(session)
      readSome()
    },
    /** The message is over. */
    async remove(session: string, own: OwnMessage) {
      asked.delete(session)
      if (!own.written) return
      await own.written
      await removeSnapshot(db, session, own.message.sequence).catch((error) =>
        log.debug('a snapshot stays until it is swept', { error }),
      )
    },
  }
}

/** Begins `work` unless it is under way, and repeats it while it says that there is more. */
function onceAtATime(work: () => Promise<boolean>): () => void {
  let busy = false
  return async () => {
    if (busy) return
    busy = true
    // Whatever is asked in the same moment is done together.
    await new Promise(setImmediate)
    while (await work());
    busy = false
  }
}
