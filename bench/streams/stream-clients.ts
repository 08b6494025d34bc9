/**
 * Runs many clients of streams in a child process of `streams.ts`, which sends the sessions to
 * follow. Reports when all are connected, and their delay behind the model.
 */
import { connect } from 'node:net'

export type Order = { follow: { port: number; paths: string[] } } | { report: true }
export type Answer = { connected: number } | { behindMs: number[]; broken: number }

/** The time that a model writes into its words. */
const stamp = /@(\d{13})/g
const deltaBegin = 'event: output.message.delta\n'
const connected = 'event: connected\n'
/** Connections being opened at a time; more would only wait in the server's backlog. */
const openingMax = 50

let behindMs: number[] = []
let broken = 0

process.on('message', async (order: Order) => {
  if ('follow' in order) {
    await followAll(order.follow)
    tell({ connected: order.follow.paths.length })
  } else {
    tell({ behindMs, broken })
    behindMs = []
  }
})
process.on('disconnect', () => process.exit(0))

const tell = (answer: Answer) => process.send!(answer)

async function followAll({ port, paths }: { port: number; paths: string[] }) {
  const left = paths.values()
  const opener = async () => {
    for (const path of left) await follow(port, path)
  }
  await Promise.all(Array.from({ length: openingMax }, opener))
}

/** A minimal client, so that there can be thousands. Resolves when the server confirms it. */
function follow(port: number, path: string): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.setNoDelay(true)
    socket.setEncoding('utf8')
    let rest = ''
    socket.on('connect', () => socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`))
    socket.on('error', () => {})
    socket.on('close', () => {
      broken += 1
      resolve()
    })
    socket.on('data', (chunk: string) => {
      const now = Date.now()
      const frames = (rest + chunk).split('\n\n')
      rest = frames.pop()!
      for (const frame of frames) {
        if (frame.includes(connected)) resolve()
        if (frame.includes(deltaBegin)) read(frame, now)
      }
    })
  })
}

function read(frame: string, now: number) {
  for (const [, said] of frame.matchAll(stamp)) behindMs.push(now - Number(said))
}
