import { once } from 'node:events'
import { createServer } from 'node:net'

/**
 * Outside the ranges of the system, the embedded PostgreSQL and the package for tests. Browsers
 * refuse none of these ports.
 */
const range = { first: 10_100, count: 4_900 }

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
