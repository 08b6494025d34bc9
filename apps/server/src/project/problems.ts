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
