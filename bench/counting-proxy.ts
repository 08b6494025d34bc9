import { connect, createServer, type Socket } from 'node:net'

/** Statements that a proxy saw, by name or first words. */
export type Counts = { total: number; byLabel: Map<string, number> }

export type CountingProxy = {
  port: number
  /** What was counted since the last call. */
  take: () => Counts
  close: () => Promise<void>
}

/** Stands between a server and its PostgreSQL and counts what is executed there. */
export async function startCountingProxy(postgresPort: number): Promise<CountingProxy> {
  let counts: Counts = { total: 0, byLabel: new Map() }
  const sockets = new Set<Socket>()
  const count = (label: string) => {
    counts.total += 1
    counts.byLabel.set(label, (counts.byLabel.get(label) ?? 0) + 1)
  }
  const proxy = createServer((client) => {
    const server = connect(postgresPort, '127.0.0.1')
    const read = messageReader(count)
    for (const socket of [client, server]) {
      sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        server.destroy()
      })
    }
    client.on('data', (chunk) => {
      read(chunk)
      server.write(chunk)
    })
    server.on('data', (chunk) => client.write(chunk))
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  return {
    port: (proxy.address() as { port: number }).port,
    take() {
      const taken = counts
      counts = { total: 0, byLabel: new Map() }
      return taken
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => proxy.close(resolve))
    },
  }
}

const bind = 'B'
const parse = 'P'
const simpleQuery = 'Q'
const labelLength = 60

/**
 * Reads the frontend's side of the protocol: the first message has a length and no type, every other a type and a
 * length. A statement is executed once for each Bind or Query.
 */
function messageReader(count: (label: string) => void) {
  let rest: Buffer = Buffer.alloc(0)
  let started = false
  let unnamed = ''
  return (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    for (;;) {
      const head = started ? 5 : 4
      if (rest.length < head) return
      const length = rest.readInt32BE(head - 4) + head - 4
      if (rest.length < length) return
      const type = started ? String.fromCharCode(rest[0]!) : ''
      const [first, second] = rest.toString('utf8', head, length).split('\0', 2) as [string, string]
      if (type === parse && first === '') unnamed = second
      if (type === bind) count(second === '' ? shortened(unnamed) : second)
      if (type === simpleQuery) count(shortened(first))
      started = true
      rest = rest.subarray(length)
    }
  }
}

const shortened = (text: string) => text.trim().replace(/\s+/g, ' ').slice(0, labelLength)
