import type { NewMessage, NewSession } from '@outlast/sdk'

/** A message that the page has accepted and the server has not confirmed. */
export type OutboxEntry = {
  /** Order of acceptance. Assigned by the store. */
  id: number
  userId: string
  orgId: string | null
  /** Idempotency-Key of every attempt, and the message's `client_message_id`. */
  key: string
  /** Creation time of the key. The server drops a key after 24 hours. */
  keyedAt: number
  /** The session to create first. */
  session: NewSession | null
  /** Null until that session exists. */
  sessionId: string | null
  body: NewMessage
  /** `waiting` is sent automatically. `failed` and `expired` need a decision by the user. */
  state: 'waiting' | 'failed' | 'expired'
  problem: string | null
}

const storeName = 'outbox'
/** Limits how long a browser with hanging storage keeps a message in the composer. */
const timeoutMs = 5_000

let opened: Promise<IDBDatabase> | undefined

function open(): Promise<IDBDatabase> {
  opened ??= new Promise<IDBDatabase>((resolve, reject) => {
    const request = indexedDB.open('outlast', 1)
    request.onupgradeneeded = () =>
      request.result.createObjectStore(storeName, { keyPath: 'id', autoIncrement: true })
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
  opened.then(
    (database) => {
      database.onclose = () => {
        opened = undefined
      }
      database.onversionchange = () => {
        database.close()
        opened = undefined
      }
    },
    () => {
      opened = undefined
    },
  )
  return opened
}

type Work<T> = (store: IDBObjectStore, finish: (value: T) => void) => void

/**
 * Runs one transaction. Contract: resolves after the browser has flushed it to disk; rejects when
 * the browser refuses storage, is out of space or does not respond within 5 s.
 */
async function transact<T>(mode: IDBTransactionMode, initial: T, work: Work<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('The browser storage does not respond.')), timeoutMs)
  })
  const done = open().then(
    (database) =>
      new Promise<T>((resolve, reject) => {
        const transaction = database.transaction(storeName, mode, { durability: 'strict' })
        let result = initial
        transaction.oncomplete = () => resolve(result)
        transaction.onabort = () => reject(transaction.error)
        work(transaction.objectStore(storeName), (value) => {
          result = value
        })
      }),
  )
  return Promise.race([done, late]).finally(() => clearTimeout(timer))
}

/** Stores an entry and returns its id. */
export const addEntry = (entry: Omit<OutboxEntry, 'id'>): Promise<number> =>
  transact('readwrite', 0, (store, finish) => {
    const request = store.add(entry)
    request.onsuccess = () => finish(request.result as number)
  })

/** All entries of a user, oldest first. */
export const listEntries = (userId: string): Promise<OutboxEntry[]> =>
  transact<OutboxEntry[]>('readonly', [], (store, finish) => {
    const request = store.getAll()
    request.onsuccess = () =>
      finish((request.result as OutboxEntry[]).filter((one) => one.userId === userId))
  })

type EntryChange = (entry: OutboxEntry) => Partial<OutboxEntry> | 'delete'

/** Changes or deletes an entry in one transaction. Ignores a deleted entry. */
export const updateEntry = (id: number, change: EntryChange): Promise<void> =>
  transact('readwrite', undefined, (store) => {
    const request = store.get(id)
    request.onsuccess = () => {
      const entry = request.result as OutboxEntry | undefined
      if (!entry) return
      const next = change(entry)
      if (next === 'delete') store.delete(id)
      else store.put({ ...entry, ...next })
    }
  })

/** Deletes all entries of a user. Contract: does nothing without browser storage. */
export async function deleteEntries(userId: string): Promise<void> {
  const entries = await listEntries(userId).catch(() => [])
  await Promise.all(entries.map(({ id }) => updateEntry(id, () => 'delete')))
}
