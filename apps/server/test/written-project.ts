import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { TestContext } from 'node:test'

/** Writes a project of files into a folder that is removed after the test. */
export function writeProject(
  t: Pick<TestContext, 'after'>,
  files: Readonly<Record<string, string>>,
): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'outlast-project-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const all = { 'package.json': '{ "type": "module" }', ...files }
  for (const [name, text] of Object.entries(all)) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true })
    writeFileSync(path.join(folder, name), text)
  }
  return folder
}

/**
 * A tool that appends a line to `runs.log`, and whose first run does not end. `replay` is its
 * replay policy.
 */
export const hangingTool = (replay: string) => `
  import { appendFileSync, readFileSync } from 'node:fs'
  import { defineTool, Type } from 'outlast'

  export default defineTool({
    description: 'Charges a card.',
    replay: '${replay}',
    input: Type.Object({ amount: Type.Number() }),
    async run({ amount }, { idempotencyKey }) {
      appendFileSync('runs.log', idempotencyKey + '\\n')
      const runs = readFileSync('runs.log', 'utf8').trim().split('\\n').length
      if (runs === 1) await new Promise(() => {})
      return { charged: amount }
    },
  })
`
