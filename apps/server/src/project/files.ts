/** Finds the files of a project. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import type { Folders } from '../authoring/config.ts'
import { ProjectError } from './problems.ts'

const codeEnding = /\.(ts|mts|js|mjs)$/
const agentEnding = /\.(md|yaml|yml|ts|mts|js|mjs)$/
/** Helpers, tests and declarations are beside the files that are loaded. */
const leftOut = /^[_.]|\.(test|eval)\.[^.]+$|\.d\.m?ts$/
const importsOutlast = /['"]outlast(\/[\w-]+)?['"]/

const configNames = ['ts', 'mts', 'js', 'mjs'].map((ending) => `outlast.config.${ending}`)

export type FolderFiles = Record<keyof Required<Folders>, string[]>

/** Returns the config file in `folder`, or undefined. Contract: throws ProjectError for two. */
export function findConfigFile(folder: string): string | undefined {
  const [found, other] = configNames.filter((name) => existsSync(path.join(folder, name)))
  if (found && other) {
    throw new ProjectError([
      { file: other, message: `exists beside ${found}: delete one of them.` },
    ])
  }
  return found
}

/**
 * Lists the files in the project's folders, by name. Without a config file, code is listed only if
 * it imports the package outlast: a folder `tools` may belong to another program.
 */
export function findFiles(root: string, folders: Folders, hasConfig: boolean): FolderFiles {
  const list = (folder: string, ending: RegExp) =>
    entriesOf(root, folder)
      .filter((name) => ending.test(name) && !leftOut.test(name))
      .map((name) => path.posix.join(folder, name))
      .filter((file) => hasConfig || !codeEnding.test(file) || isOurs(path.join(root, file)))
  for (const folder of Object.values(folders)) checkFolder(root, folder)
  const { capabilities = 'capabilities', tools = 'tools', agents = 'agents' } = folders
  return {
    capabilities: list(capabilities, codeEnding),
    tools: list(tools, codeEnding),
    agents: list(agents, agentEnding),
  }
}

/** A folder that the config names must exist; the default ones need not. */
function checkFolder(root: string, folder: string): void {
  if (statSync(path.join(root, folder), { throwIfNoEntry: false })?.isDirectory()) return
  throw new ProjectError([{ file: folder, message: 'is named in `folders`, and is no folder.' }])
}

const isOurs = (file: string) => importsOutlast.test(readFileSync(file, 'utf8'))

function entriesOf(root: string, folder: string): string[] {
  try {
    return readdirSync(path.join(root, folder), { withFileTypes: true })
      .filter((entry) => entry.isFile() || entry.isSymbolicLink())
      .map(({ name }) => name)
      .sort()
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return []
    throw error
  }
}

export const isCode = (file: string) => codeEnding.test(file)

/** The name that a file gives to its tool, capability or agent: in snake_case. */
export const nameOfFile = (file: string) =>
  path.posix
    .basename(file)
    .replace(/\.[^.]+$/, '')
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/[^a-zA-Z0-9]+/g, '_')
    .toLowerCase()

/** Identifies the state of files, to find out whether they changed in the meantime. */
export function stateOf(root: string, files: readonly string[]): string {
  return files
    .map((file) => {
      const stats = statSync(path.join(root, file), { throwIfNoEntry: false })
      return `${file} ${stats?.mtimeMs} ${stats?.size}`
    })
    .join('\n')
}
