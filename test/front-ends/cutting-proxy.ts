import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'

/** Bytes of the response to a request that pass before its connection is cut; undefined: all. */
export type Cuts = (request: string) => number | undefined

/** A TCP proxy that cuts connections after a number of bytes of a response. */
export async function startCuttingProxy(
  t: { after: (work: () => unknown) => void },
  { target, cuts }: { target: string; cuts: Cuts },
) {
  const { hostname, port } = new URL(target)
  const proxy = createServer((client) => {
    const server = connect(Number(port), hostname)
    let left = Number.POSITIVE_INFINITY
    client.on('data', (bytes) => {
      left = cuts(bytes.toString('latin1')) ?? Number.POSITIVE_INFINITY
      server.write(bytes)
    })
    client.on('end', () => server.end())
    client.on('error', () => server.destroy())
    client.on('close', () => server.destroy())
    server.on('error', () => client.destroy())
    server.on('data', (bytes) => {
      const passed = bytes.subarray(0, left)
      left -= passed.length
      if (left > 0) return void client.write(passed)
      // The end arrives after the bytes.
      client.end(passed)
      server.destroy()
    })
    server.on('end', () => client.end())
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  t.after(() => proxy.close())
  return `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
}
