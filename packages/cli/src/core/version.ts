import { readFileSync } from 'node:fs'

/** Reads the version of this client, which is the version of the product. */
export function clientVersion(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return JSON.parse(manifest).version
}
