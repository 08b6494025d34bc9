import path from 'node:path'

const lengthMax = 214
const fallback = 'my-agents'
/** Names that npm refuses, and those of the dependencies. */
const refused = new Set(['node_modules', 'favicon.ico', 'outlast', 'typescript'])

/** Derives a valid name of an npm package from a folder. */
export function projectName(folder: string): string {
  const name = path
    .basename(path.resolve(folder))
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9._~-]+/g, '-')
    .replace(/^[._~-]+|[._~-]+$/g, '')
    .slice(0, lengthMax)
  return name === '' || refused.has(name) ? fallback : name
}
