import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { TestContext } from 'node:test'

export function writeFiles(folder: string, files: Record<string, string>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true })
    writeFileSync(path.join(folder, name), text)
  }
}

/** Writes the files of a project to a new folder, whose path has spaces. */
export function writeProject(t: Pick<TestContext, 'after'>, files: Record<string, string>): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'outlast project '))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  writeFiles(folder, { 'package.json': '{"type":"module"}', ...files })
  return folder
}

/** The whole lines of the project's `runs.log`: a tool can be killed while it writes one. */
export function runsOf(project: string): string[] {
  const file = path.join(project, 'runs.log')
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : []
}

/** The file of a tool. `fields` replace or follow the usual ones. */
export const toolFile = (run: string, fields = '') => `
  import { defineTool, ToolError, withImages } from 'outlast'
  export default defineTool({
    description: 'For tests.',
    replay: 'safe',
    input: { type: 'object', properties: {} },
    ${fields}
    async run(input, context) { ${run} },
  })
`
