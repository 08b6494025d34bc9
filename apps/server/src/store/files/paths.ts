import { ApiError } from '../../errors.ts'

/** An index entry holds no longer path. */
const pathBytesMax = 1024
const depthMax = 64

/**
 * Normalizes a path: absolute, without doubled or trailing slashes.
 * Contract: throws 400 `invalid_path` for a path that is ambiguous or cannot be stored.
 */
export function normalizePath(text: string): string {
  if (/^\s+\//.test(text))
    throw new ApiError('invalid_path', 'white space precedes its first slash.')
  const path = `/${text}`.replace(/\/{2,}/g, '/').replace(/(?<=.)\/$/, '')
  checkPath(path)
  return path
}

/** Requires a normalized path. Contract: throws 400 `invalid_path`. */
export function checkPath(path: string): void {
  const problem = pathProblem(path)
  if (problem) throw new ApiError('invalid_path', problem)
}

function pathProblem(path: string): string | undefined {
  if (path.includes('\0')) return 'it contains NUL.'
  if (!path.isWellFormed()) return 'it is not well-formed Unicode.'
  if (Buffer.byteLength(path) > pathBytesMax) return `it is longer than ${pathBytesMax} bytes.`
  const segments = path.split('/')
  if (segments.includes('..')) return "'..' is not allowed."
  return segments.length > depthMax + 1 ? `it is deeper than ${depthMax} levels.` : undefined
}

/** Normalizes a path to be written. Contract: also throws 400 `reserved_path`. */
export function writablePath(text: string): string {
  const path = normalizePath(text)
  if (path.includes('/_')) throw new ApiError('reserved_path')
  return path
}

/** Returns the directory of a path. */
export const directoryOf = (path: string) => path.slice(0, path.lastIndexOf('/')) || '/'

/** Returns the last part of a path; `/` for the root. */
export const baseName = (path: string) => path.slice(path.lastIndexOf('/') + 1) || '/'

/** Lists the directories above a path, outermost first, without the root. */
export function ancestorsOf(path: string): string[] {
  const above: string[] = []
  for (let at = path.indexOf('/', 1); at > 0; at = path.indexOf('/', at + 1)) {
    above.push(path.slice(0, at))
  }
  return above
}

/** Returns the common prefix of all paths below a directory. */
export const prefixOf = (path: string) => (path === '/' ? '/' : `${path}/`)

/** Returns the first path, by bytes, after all with the prefix: `0` follows `/`. */
export const afterPrefix = (prefix: string) => `${prefix.slice(0, -1)}0`
