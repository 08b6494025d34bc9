import { EventEmitter, once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { TestContext } from 'node:test'

type Link = { client: Socket; server: Socket; isStalled: boolean; left: number }

/** Delay before a cut, because a client loses unread text when its connection breaks. */
const lingerMs = 100

/** A failing network between client and server, which counts bytes sent to the client. */
export async function startProxy(t: Pick<TestContext, 'after'>, target: string) {
  const links = new Set<Link>()
  const changed = new EventEmitter()
  let count = 0
  let refuses = false
  /** Number of bytes after which the next connection is cut. */
  let cutAfter = () => Number.POSITIVE_INFINITY
  const { port, hostname } = new URL(target)

  function open(client: Socket) {
    const server = connect(Number(port), hostname)
    const link: Link = { client, server, isStalled: false, left: cutAfter() }
    links.add(link)
    count += 1
    const cut = () => {
      client.destroy()
      server.destroy()
      links.delete(link)
      changed.emit('change')
    }
    for (const socket of [client, server])
      socket
        .setNoDelay(true)
        .on('error', cut)
        .on('close', () => {
          if (!link.isStalled) cut()
        })
    client.on('data', (bytes) => !link.isStalled && server.write(bytes))
    server.on('data', (bytes) => {
      if (link.isStalled) return
      client.write(bytes.subarray(0, link.left))
      link.left -= bytes.length
      if (link.left > 0) return
      link.isStalled = true
      setTimeout(cut, lingerMs)
    })
    changed.emit('change')
  }

  const listener = createServer((client) => {
    if (refuses) client.destroy()
    else open(client)
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const cutAll = () => {
    for (const { client, server } of links) {
      client.destroy()
      server.destroy()
    }
  }
  t.after(() => {
    cutAll()
    listener.close()
  })
  return {
    url: `http://127.0.0.1:${(listener.address() as AddressInfo).port}`,
    cutAll,
    /** Silences the open connections without closing them. */
    stallAll() {
      for (const link of links) link.isStalled = true
    },
    refuse(how: boolean) {
      refuses = how
    },
    cutNextAfter(bytes: () => number) {
      cutAfter = bytes
    },
    /** Number of connections so far. */
    count: () => count,
    open: () => links.size,
    /** Waits for a condition that depends on connections. */
    async until(fits: () => boolean) {
      while (!fits()) await once(changed, 'change')
    },
  }
}

export type Network = Awaited<ReturnType<typeof startProxy>>
