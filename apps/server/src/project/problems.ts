import type { ErrorDetail } from '@outlast/contract'
import { ApiError } from '../errors.ts'

/** A problem of a project. `file` is relative to the project's folder. */
export type ProjectProblem = { file: string; line?: number; message: string }

/** A project cannot be used. The message has one line per problem. */
export class ProjectError extends Error {
  override name = 'ProjectError'
  readonly problems: readonly ProjectProblem[]

  constructor(problems: readonly ProjectProblem[]) {
    super(problems.map(shownProblem).join('\n'))
    this.problems = problems
  }
}

export const shownProblem = ({ file, line, message }: ProjectProblem) =>
  `${file}${line === undefined ? '' : `:${line}`} ${message}`

/**
 * The problems of a file that an error of the API names, one for each field.
 * Contract: throws every other error.
 */
export function problemsIn(file: string, error: unknown): ProjectProblem[] {
  if (!(error instanceof ApiError)) throw error
  const { code, details = [], message } = error
  if (details.length === 0) return [{ file, message }]
  // Sentences of other codes name the value, such as the id of a capability.
  const about = ({ path, message: why }: ErrorDetail) =>
    code === 'invalid_request' ? `${path} ${why}` : `${path}: ${message}`
  return details.map((detail) =>
    detail.line === undefined
      ? { file, message: about(detail) }
      : { file, line: detail.line, message: detail.message },
  )
}
