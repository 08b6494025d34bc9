import { once } from 'node:events'
import { createServer } from 'node:net'

/** Not in the range from which the system assigns ports to servers and connections. */
const range = { first: 20_000, count: 10_000 }

/**
 * Returns a port for a server that starts later, or again at the same address. A port that the
 * system assigned could meanwhile be assigned to another test.
 */
export async function reservePort(): Promise<string> {
  for (;;) {
    const port = range.first + Math.floor(Math.random() * range.count)
    if (await isFree(port)) return String(port)
  }
}

async function isFree(port: number): Promise<boolean> {
  const probe = createServer().listen(port, '127.0.0.1')
  try {
    await once(probe, 'listening')
  } catch {
    return false
  }
  probe.close()
  await once(probe, 'close')
  return true
}
