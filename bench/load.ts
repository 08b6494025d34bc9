import { connect, type Socket } from 'node:net'

/** What a load gave: answers a second, and how long each took in ms. */
export type Load = { perSecond: number; latencies: number[] }

/** Asks for one path over and over, on some connections, one request after the other on each. */
export async function loadFor(
  url: string,
  path: string,
  { connections, forMs }: { connections: number; forMs: number },
): Promise<Load> {
  const latencies: number[] = []
  const begun = performance.now()
  const until = begun + forMs
  await Promise.all(
    Array.from({ length: connections }, () =>
      ask(url, path, { latencies, more: () => performance.now() < until }),
    ),
  )
  return { perSecond: latencies.length / ((performance.now() - begun) / 1000), latencies }
}

/** Asks for one path some times, on one connection. */
export async function askTimes(url: string, path: string, times: number): Promise<number[]> {
  const latencies: number[] = []
  await ask(url, path, { latencies, more: () => latencies.length < times })
  return latencies
}

type Asking = { latencies: number[]; more: () => boolean }

const endOfHead = Buffer.from('\r\n\r\n')

/** A client as thin as can be, so that two servers are compared and not two clients. */
function ask(url: string, path: string, { latencies, more }: Asking): Promise<void> {
  const { hostname, port } = new URL(url)
  const request = `GET ${path} HTTP/1.1\r\nHost: ${hostname}:${port}\r\n\r\n`
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(Number(port), hostname)
    socket.setNoDelay(true)
    let answer: Buffer = Buffer.alloc(0)
    let sentAt = 0
    const send = () => {
      sentAt = performance.now()
      socket.write(request)
    }
    socket.on('connect', send)
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('The server closed a connection.')))
    socket.on('data', (chunk) => {
      answer = answer.length === 0 ? chunk : Buffer.concat([answer, chunk])
      const head = answer.indexOf(endOfHead)
      if (head < 0) return
      const text = answer.toString('latin1', 0, head)
      const length = Number(/content-length: (\d+)/i.exec(text)?.[1])
      if (!text.startsWith('HTTP/1.1 200') || Number.isNaN(length)) {
        return reject(new Error(`${path}: ${answer}`))
      }
      if (answer.length < head + endOfHead.length + length) return
      latencies.push(performance.now() - sentAt)
      answer = Buffer.alloc(0)
      if (more()) return send()
      socket.removeAllListeners('close')
      socket.destroy()
      resolve()
    })
  })
}
