/** A way to the database that loses live text between nodes whenever a test wants. */
import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import { Transform } from 'node:stream'

type After = { after: (work: () => void) => void }

/**
 * Starts a proxy of a database. After `loseText` the node behind it receives no live text of other
 * nodes, but all other hints.
 */
export async function startLossyBus(t: After, databaseUrl: string) {
  const target = new URL(databaseUrl)
  const state = { losing: false }
  const server = net.createServer((client) => {
    const database = net.connect(Number(target.port), target.hostname)
    client.pipe(database)
    database.pipe(filtered(state)).pipe(client)
    for (const [end, other] of [
      [client, database],
      [database, client],
    ] as const) {
      end.on('error', () => other.destroy())
      end.on('close', () => other.destroy())
    }
    t.after(() => client.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => void server.close())
  const url = new URL(databaseUrl)
  url.hostname = '127.0.0.1'
  url.port = String((server.address() as AddressInfo).port)
  const loseText = () => {
    state.losing = true
  }
  return { databaseUrl: url.href, loseText }
}

/** Passes messages of PostgreSQL on. Notifications lose their lines with text. */
function filtered(state: { losing: boolean }) {
  let left = Buffer.alloc(0)
  return new Transform({
    transform(bytes: Buffer, _, done) {
      left = Buffer.concat([left, bytes])
      while (left.length >= 5 && left.length > left.readInt32BE(1)) {
        const end = left.readInt32BE(1) + 1
        const message = left.subarray(0, end)
        left = left.subarray(end)
        const isNotification = message[0] === 'A'.charCodeAt(0)
        this.push(state.losing && isNotification ? withoutText(message) : message)
      }
      done()
    },
  })
}

/** A notification: its type, its length, the process, the channel and the payload. */
function withoutText(message: Buffer): Buffer {
  const begin = message.indexOf(0, 9) + 1
  const lines = message.toString('utf8', begin, message.length - 1).split('\n')
  const kept = lines.filter((line) => !line.startsWith('{"kind":"text"'))
  const payload = Buffer.from(`${kept.join('\n')}\0`)
  const whole = Buffer.concat([message.subarray(0, begin), payload])
  whole.writeInt32BE(whole.length - 1, 1)
  return whole
}
