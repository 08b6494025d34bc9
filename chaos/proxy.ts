import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** Stands between one node and PostgreSQL. */
export type FaultyProxy = {
  port: number
  /** True while what comes is passed on, however slowly. */
  passes: () => boolean
  /** Connections that stand break; new ones are made. */
  cut: () => void
  /** Every connection breaks, and no new one is made until `pass`. */
  refuse: () => void
  /** What the database answers is thrown away until `pass`, which breaks the connections. */
  loseAnswers: () => void
  /** Nothing gets through and nobody is told; what was held back arrives after `pass`. */
  stall: () => void
  /** Everything arrives, in order, but late, until `pass`. */
  slow: () => void
  pass: () => void
  close: () => Promise<void>
}

/** Of each direction, so that a statement takes at least twice as long. */
const latencyMs = 60

/** A TCP proxy on loopback that can be told to fail. */
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
  /** Of each direction that holds something back: writes it. */
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
