import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'

/**
 * The code of the server and the code that it shares with clients, in the repository or the
 * package.
 */
const places = ['./', '../migrations/', '../../../packages/contract/src/']
const digits = 8

let known: string | undefined

/**
 * Identifies the running code: nodes of one release number may run different code during
 * development. Returns 8 hexadecimal digits, the same for the same files in any location.
 */
export function readBuild(): string {
  known ??= hashOfCode()
  return known
}

function hashOfCode(): string {
  const hash = createHash('sha256')
  for (const place of places) {
    const folder = new URL(place, import.meta.url)
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()
    for (const file of files) {
      if (!/\.(ts|js|sql)$/.test(file) || file.endsWith('.test.ts')) continue
      const name = file.replaceAll('\\', '/')
      hash.update(name).update(readFileSync(new URL(name, folder)))
    }
  }
  return hash.digest('hex').slice(0, digits)
}
