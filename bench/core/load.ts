import { connect, type Socket } from 'node:net'

/** The result of a load: responses per second, and the latency of each in ms. */
export type Load = { perSecond: number; latencies: number[] }

/** The requests to send: always the same path, or a new one each time, with a credential. */
export type Asked = string | (() => { path: string; authorization?: string })

/** Sends requests for some time on several connections, one after the other on each. */
export async function loadFor(
  url: string,
  asked: Asked,
  { connections, forMs }: { connections: number; forMs: number },
): Promise<Load> {
  const latencies: number[] = []
  const begun = performance.now()
  const until = begun + forMs
  await Promise.all(
    Array.from({ length: connections }, () =>
      ask(url, asked, { latencies, more: () => performance.now() < until }),
    ),
  )
  return { perSecond: latencies.length / ((performance.now() - begun) / 1000), latencies }
}

/** Requests one path `times` times, on one connection. */
export async function askTimes(url: string, path: string, times: number): Promise<number[]> {
  const latencies: number[] = []
  await ask(url, path, { latencies, more: () => latencies.length < times })
  return latencies
}

type Asking = { latencies: number[]; more: () => boolean }

const endOfHead = Buffer.from('\r\n\r\n')

const always = (text: string) => () => text

function requestOf(
  host: string,
  { path, authorization }: { path: string; authorization?: string },
) {
  const credential = authorization === undefined ? '' : `Authorization: ${authorization}\r\n`
  return `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${credential}\r\n`
}

/** A minimal client, so that the benchmark compares servers and not clients. */
function ask(url: string, asked: Asked, { latencies, more }: Asking): Promise<void> {
  const { hostname, port, host } = new URL(url)
  const next =
    typeof asked === 'string'
      ? always(requestOf(host, { path: asked }))
      : () => requestOf(host, asked())
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(Number(port), hostname)
    socket.setNoDelay(true)
    let answer: Buffer = Buffer.alloc(0)
    let sentAt = 0
    const send = () => {
      sentAt = performance.now()
      socket.write(next())
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
        return reject(new Error(String(answer)))
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
