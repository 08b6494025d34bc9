/** Clients of one stream, as a child process of `slow-readers.ts`: they read all or nothing. */
import { connect } from 'node:net'

export type ReaderOrder = { port: number; path: string; count: number; reads: boolean }
export type ReaderReport = { bytes: number }

let bytes = 0

process.on('message', async (order: ReaderOrder | 'report') => {
  if (order === 'report') {
    process.send!({ bytes } satisfies ReaderReport)
    return
  }
  await Promise.all(Array.from({ length: order.count }, () => follow(order)))
  process.send!('connected')
})
process.on('disconnect', () => process.exit(0))

/** Resolves when the connection is made. A reading client reconnects when it is closed. */
function follow(order: ReaderOrder): Promise<void> {
  const { port, path, reads } = order
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    if (!reads) socket.pause()
    socket.on('connect', () => {
      socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`)
      resolve()
    })
    socket.on('error', () => {})
    if (!reads) return
    socket.on('data', (chunk) => {
      bytes += chunk.length
    })
    socket.on('close', () => void follow(order))
  })
}
