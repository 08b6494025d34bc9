import { readFileSync } from 'node:fs'

/** The version of this client, which is that of the whole product. */
export function clientVersion(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return JSON.parse(manifest).version
}
