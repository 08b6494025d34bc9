import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** Stands between one node and PostgreSQL. */
export type FaultyProxy = {
  port: number
  /** True while what comes is passed on. */
  passes: () => boolean
  /** Connections that stand break; new ones are made. */
  cut: () => void
  /** Every connection breaks, and no new one is made until `pass`. */
  refuse: () => void
  /** What the database answers is thrown away until `pass`, which breaks the connections. */
  loseAnswers: () => void
  /** Nothing gets through and nobody is told; what was held back arrives after `pass`. */
  stall: () => void
  pass: () => void
  close: () => Promise<void>
}

/** A TCP proxy on loopback that can be told to fail. */
export async function startProxy(target: { host: string; port: number }): Promise<FaultyProxy> {
  let mode: 'pass' | 'refuse' | 'lose' | 'stall' = 'pass'
  const pairs = new Set<[Socket, Socket]>()

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
    client.on('data', (chunk) => database.write(chunk))
    database.on('data', (chunk) => {
      if (mode !== 'lose') client.write(chunk)
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
    passes: () => mode === 'pass',
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
    pass() {
      if (mode === 'lose') cut()
      mode = 'pass'
      for (const socket of [...pairs].flat()) socket.resume()
    },
    async close() {
      server.close()
      cut()
      await once(server, 'close')
    },
  }
}
