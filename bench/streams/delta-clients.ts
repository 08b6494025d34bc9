/**
 * Follows sessions in a child process of `deltas.ts`, each until its turn has ended, and records
 * when each word arrived.
 */
import { connect } from 'node:net'
import { createListener, type Heard } from '../core/spoken.ts'

export type ClientsOrder = { follow: { port: number; paths: string[] } } | { report: true }
export type ClientsAnswer = { connected: number } | { heard: Heard[]; differing: number }

type Following = { connected: Promise<void>; over: Promise<void>; result: () => Result }
type Result = { heard: Heard; isWhole: boolean }

let following: Following[] = []

process.on('message', async (order: ClientsOrder) => {
  if ('follow' in order) {
    const { port, paths } = order.follow
    following = paths.map((path) => follow(port, path))
    await Promise.all(following.map(({ connected }) => connected))
    tell({ connected: following.length })
  } else {
    await Promise.all(following.map(({ over }) => over))
    const results = following.map(({ result }) => result())
    const differing = results.filter(({ isWhole }) => !isWhole).length
    tell({ heard: results.map(({ heard }) => heard), differing })
  }
})
process.on('disconnect', () => process.exit(0))

const tell = (answer: ClientsAnswer) => process.send!(answer)

/** A minimal client, so that the benchmark measures the server. */
function follow(port: number, path: string): Following {
  const listener = createListener()
  const connected = Promise.withResolvers<void>()
  const over = Promise.withResolvers<void>()
  let completed = ''
  let rest = ''
  const socket = connect(port, '127.0.0.1')
  socket.setNoDelay(true)
  socket.setEncoding('utf8')
  socket.on('connect', () => socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`))
  socket.on('error', () => {})
  socket.on('close', () => {
    connected.resolve()
    over.resolve()
  })
  socket.on('data', (chunk: string) => {
    const frames = (rest + chunk).split('\n\n')
    rest = frames.pop()!
    for (const frame of frames) {
      const type = /event: (\S+)/.exec(frame)?.[1]
      if (type === 'output.message.delta') listener.hear(dataOf<{ delta: string }>(frame).delta)
      if (type === 'output.message.completed') completed = textIn(frame)
      if (type === 'connected') connected.resolve()
      if (type === 'session.idled') socket.destroy()
    }
  })
  return {
    connected: connected.promise,
    over: over.promise,
    result: () => ({ heard: listener.result(), isWhole: completed === listener.text() }),
  }
}

function dataOf<T>(frame: string): T {
  return (JSON.parse(/^data: (.*)$/m.exec(frame)![1]!) as { data: T }).data
}

function textIn(frame: string): string {
  const { message } = dataOf<{ message: { content: { text?: string }[] } }>(frame)
  return message.content.map(({ text = '' }) => text).join('')
}
