/** `outlast dev` with a project in a folder of its own. */
import { renameSync, rmSync } from 'node:fs'
import path from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type ServerProcess, startCommand, temporaryFolder } from '../../../../test/process.ts'
import { createTestDatabase } from '../database.ts'
import { eventually } from '../waiting.ts'
import { writeFiles } from './project-files.ts'

/** Many times the duration on a loaded machine. */
const showsMaxMs = 120_000

const program = fileURLToPath(new URL('../../outlast.js', import.meta.url))

export type ProjectFolder = {
  folder: string
  write: (file: string, text: string) => void
  remove: (file: string) => void
}

/** A folder with the files of a project. */
export async function projectFolder(
  t: TestContext,
  files: Record<string, string>,
): Promise<ProjectFolder> {
  const { folder } = await temporaryFolder(t)
  /** Appears as a whole: a server that reads half of a file reloads twice. */
  const write = (file: string, text: string) => {
    const half = `${path.dirname(file)}/.half`
    writeFiles(folder, { [half]: text })
    renameSync(path.join(folder, half), path.join(folder, file))
  }
  writeFiles(folder, files)
  return { folder, write, remove: (file) => rmSync(path.join(folder, file)) }
}

/** The command line of a command of the program, in a folder. */
export const inFolder = (cwd: string, args: string[], env: Record<string, string> = {}) => ({
  program: process.execPath,
  args: [program, ...args],
  cwd,
  env: { PATH: process.env.PATH!, DATA_DIR: '/nonexistent', ...env },
})

export type DevServer = ProjectFolder &
  ServerProcess & {
    /** Waits until the output has `text`, after the `n`-th time that it was there. */
    shows: (text: string, times?: number) => Promise<void>
    databaseUrl: string
  }

/** Starts `outlast dev` on a database of its own. */
export async function startDev(
  t: TestContext,
  files: Record<string, string>,
  env: Record<string, string> = {},
): Promise<DevServer> {
  const project = await projectFolder(t, files)
  const database = await createTestDatabase(t)
  const args = ['dev', '--port', '0', '--database-url', database, '--stop-with-parent']
  const server = await startCommand(inFolder(project.folder, args, env))
  t.after(() => server.crash())
  const shows = async (text: string, times = 1) => {
    const deadline = performance.now() + showsMaxMs
    await eventually(async () => {
      if (performance.now() > deadline) throw new Error(`no ${text} in ${server.output()}`)
      return server.output().split(text).length > times
    })
  }
  return { ...project, ...server, shows, databaseUrl: database }
}

/** A tool whose calls return `value`. */
export const answerFile = (value: string) => `
  import { defineTool } from 'outlast'

  export default defineTool({
    description: 'Answers.',
    replay: 'safe',
    run: () => ({ answer: '${value}' }),
  })
`
