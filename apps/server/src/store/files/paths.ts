import { ApiError } from '../../errors.ts'

/** More than anybody needs; an index entry holds no longer path. */
const pathBytesMax = 1024
const depthMax = 64

/**
 * A path as it is stored: absolute, without doubled slashes or one at the end.
 * Contract: throws 400 `invalid_path` for what could mean another place, or cannot be stored.
 */
export function normalizePath(text: string): string {
  const path = `/${text.trim()}`.replace(/\/{2,}/g, '/').replace(/(?<=.)\/$/, '')
  checkPath(path)
  return path
}

/** Contract: throws 400 `invalid_path` for a path that is not as paths are stored. */
export function checkPath(path: string): void {
  const problem = problemOf(path)
  if (problem) throw new ApiError('invalid_path', problem)
}

function problemOf(path: string): string | undefined {
  if (path.includes('\0')) return 'it contains NUL.'
  if (!path.isWellFormed()) return 'it is not well-formed Unicode.'
  if (Buffer.byteLength(path) > pathBytesMax) return `it is longer than ${pathBytesMax} bytes.`
  const segments = path.split('/')
  if (segments.includes('..')) return "'..' is not allowed."
  return segments.length > depthMax + 1 ? `it is deeper than ${depthMax} levels.` : undefined
}

/** The same for a path to be written. Contract: throws 400 `reserved_path` as well. */
export function writablePath(text: string): string {
  const path = normalizePath(text)
  if (path.includes('/_')) throw new ApiError('reserved_path')
  return path
}

/** Where a path stands. */
export const directoryOf = (path: string) => path.slice(0, path.lastIndexOf('/')) || '/'

/** The last part of a path; `/` for the root. */
export const baseName = (path: string) => path.slice(path.lastIndexOf('/') + 1) || '/'

/** The directories above a path, outermost first, without the root. */
export function ancestorsOf(path: string): string[] {
  const above: string[] = []
  for (let at = path.indexOf('/', 1); at > 0; at = path.indexOf('/', at + 1)) {
    above.push(path.slice(0, at))
  }
  return above
}

/** What the paths of everything below a directory begin with. */
export const prefixOf = (path: string) => (path === '/' ? '/' : `${path}/`)

/** The first path, by bytes, that does not begin with the prefix any more: `0` follows `/`. */
export const afterPrefix = (prefix: string) => `${prefix.slice(0, -1)}0`
