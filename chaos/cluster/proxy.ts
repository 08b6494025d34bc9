import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A proxy between one node and PostgreSQL. */
export type FaultyProxy = {
  port: number
  /** True while data passes, even slowly. */
  passes: () => boolean
  /** Breaks open connections; new ones are accepted. */
  cut: () => void
  /** Breaks every connection, and accepts no new one until `pass`. */
  refuse: () => void
  /** Discards the database's responses until `pass`, which breaks the connections. */
  loseAnswers: () => void
  /** Holds all data back without an error until `pass`, which delivers it. */
  stall: () => void
  /** Delivers all data in order, but late, until `pass`. */
  slow: () => void
  pass: () => void
  close: () => Promise<void>
}

/** In each direction, so that a statement takes at least twice as long. */
const latencyMs = 60

/** Starts a TCP proxy on loopback that can inject faults. */
export async function startProxy(target: { host: string; port: number }): Promise<FaultyProxy> {
  let mode: 'pass' | 'refuse' | 'lose' | 'stall' | 'slow' = 'pass'
  const pairs = new Set<[Socket, Socket]>()
  const delayed = new Set<() => void>()
  const isSlow = () => mode === 'slow'

  const server = createServer((client) => {
    if (mode === 'refuse') return client.destroy()
    const database = connect(target)
    const pair: [Socket, Socket] = [client, database]
    pairs.add(pair)
    for (const socket of pair) {
      socket.setNoDelay(true)
      socket.on('error', () => {})
      socket.on('close', () => end(pair))
    }
    const toDatabase = delayedWriter(database, { isSlow, delayed })
    const toClient = delayedWriter(client, { isSlow, delayed })
    client.on('data', toDatabase)
    database.on('data', (chunk) => {
      if (mode !== 'lose') toClient(chunk)
    })
    if (mode === 'stall') for (const socket of pair) socket.pause()
  })

  function end(pair: [Socket, Socket]) {
    pairs.delete(pair)
    for (const socket of pair) socket.destroy()
  }

  function cut() {
    for (const pair of pairs) end(pair)
  }

  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    passes: () => mode === 'pass' || mode === 'slow',
    cut,
    refuse() {
      mode = 'refuse'
      cut()
    },
    loseAnswers() {
      mode = 'lose'
    },
    stall() {
      mode = 'stall'
      for (const socket of [...pairs].flat()) socket.pause()
    },
    slow() {
      mode = 'slow'
    },
    pass() {
      if (mode === 'lose') cut()
      mode = 'pass'
      for (const writeNow of delayed) writeNow()
      for (const socket of [...pairs].flat()) socket.resume()
    },
    async close() {
      server.close()
      cut()
      await once(server, 'close')
    },
  }
}

type Delays = {
  isSlow: () => boolean
  /** One function per direction with held data, which writes it. */
  delayed: Set<() => void>
}

/** Writes at once, or in the same order after `latencyMs`. */
function delayedWriter(socket: Socket, { isSlow, delayed }: Delays) {
  const held: Buffer[] = []
  function writeHeld(count = held.length) {
    for (const chunk of held.splice(0, count)) socket.write(chunk)
    if (held.length === 0) delayed.delete(writeAll)
  }
  const writeAll = () => writeHeld()
  return (chunk: Buffer) => {
    if (!isSlow()) return void socket.write(chunk)
    held.push(chunk)
    delayed.add(writeAll)
    setTimeout(() => writeHeld(1), latencyMs)
  }
}
