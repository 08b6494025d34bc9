/** `outlast check`: loads the project without a database, and prints its contents and problems. */
import { settings as knownSettings } from '../config/settings.ts'
import { settingsText } from '../config/settings-text.ts'
import { agentProblems, projectWarnings } from '../project/findings.ts'
import { type LoadedProject, loadProject } from '../project/load.ts'
import { ProjectError, type ProjectProblem, shownProblem } from '../project/problems.ts'
import { contentsOf, contentsText, type ProjectContents } from './contents.ts'

export type CheckOptions = { configFile?: string | undefined; json?: boolean | undefined }

type Checked = {
  problems: readonly ProjectProblem[]
  warnings: readonly ProjectProblem[]
  contents?: ProjectContents
}

/** Runs the command. Returns the exit code: 1 for a project with problems. */
export async function check({ configFile, json = false }: CheckOptions): Promise<number> {
  const checked = await checkProject(configFile)
  const { problems, warnings, contents } = checked
  const { stdout, stderr } = process
  if (json)
    stdout.write(`${JSON.stringify({ ok: problems.length === 0, ...checked }, undefined, 2)}\n`)
  else {
    if (contents) stdout.write(contentsText(contents))
    for (const warning of warnings) stderr.write(`warning: ${shownProblem(warning)}\n`)
    for (const problem of problems) stderr.write(`${shownProblem(problem)}\n`)
  }
  return problems.length === 0 ? 0 : 1
}

async function checkProject(config: string | undefined): Promise<Checked> {
  try {
    const project = await loadProject({ folder: process.cwd(), config })
    const problems = [...agentProblems(project), ...settingsProblems(project)]
    return { problems, warnings: projectWarnings(project), contents: contentsOf(project) }
  } catch (error) {
    if (!(error instanceof ProjectError)) throw error
    return { problems: error.problems, warnings: [] }
  }
}

/** Checks each setting of the config. Those of a deployment are in its environment. */
function settingsProblems({ settings, files: [file = '.'] }: LoadedProject): ProjectProblem[] {
  return Object.entries(settingsText(settings)).flatMap(([name, text]) => {
    try {
      knownSettings[name as keyof typeof knownSettings].read(text)
      return []
    } catch (error) {
      return [{ file, message: `${name} ${(error as Error).message}.` }]
    }
  })
}
