import type { ErrorDetail } from '@outlast/sdk'
import { createContext, useContext } from 'react'

/** Validation problems that the server reports. */
export const Problems = createContext<readonly ErrorDetail[]>([])

/** Returns the problem at a path. `isWhole`: includes problems of nested paths. */
export function useProblem(path: string, isWhole = false): string | undefined {
  const problems = useContext(Problems)
  const here = problems.filter((one) => one.path === path || (isWhole && isBelow(one.path, path)))
  if (here.length === 0) return undefined
  return here
    .map(({ path: at, message }) =>
      at === path ? message : `${at.slice(path.length + 1)} ${message}`,
    )
    .join('; ')
}

export const isBelow = (path: string, above: string) => path.startsWith(`${above}/`)
