import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Kind } from '../authoring/brand.ts'
import type { Capability as DefinedCapability } from '../authoring/capability.ts'
import type { DefinedConfig, Settings } from '../authoring/config.ts'
import type { FileAgent, Project } from '../authoring/project.ts'
import { capabilityOf, checkKind, toolOf } from '../authoring/resolve.ts'
import type { Tool as DefinedTool } from '../authoring/tool.ts'
import { type Capability, defineCapability, type Tool } from '../capabilities/capability.ts'
import { thrownMessage } from '../text.ts'
import { withTimeLimit } from '../time-limit.ts'
import { checkConfigShape } from './config.ts'
import { findConfigFile, findFiles, isCode, nameOfFile, stateOf } from './files.ts'
import { importProblem } from './import-error.ts'
import { resolvePackage } from './package-hook.ts'
import { ProjectError, type ProjectProblem } from './problems.ts'

/** A project with the place of its parts. */
export type LoadedProject = Project & {
  /** Absolute path of its folder. */
  root: string
  /** The files that define it, relative to its folder. Empty: there is no project. */
  files: readonly string[]
  settings: Settings
}

export type ProjectLocation = {
  /** Folder of the project, where no config is named. */
  folder: string
  /** Path of the config, relative to the folder. Default: `outlast.config.*` in the folder. */
  config?: string | undefined
}

/** Capability of the tools in the folder `tools`. */
const toolsId = 'tools'
const importMaxMs = 30_000

/**
 * Loads the project of a folder. Modules are imported once per process: another process loads
 * changed files.
 * Contract: throws ProjectError with every problem that was found.
 */
export async function loadProject(location: ProjectLocation): Promise<LoadedProject> {
  const { loading, config, found } = await openProject(location)
  const { root, problems } = loading
  const { configFile, ...folders } = found
  const files = [...(configFile ? [configFile] : []), ...Object.values(folders).flat()]
  const before = stateOf(root, files)
  const project = await loadParts(loading, config, found)
  if (stateOf(root, files) !== before) {
    throw new ProjectError([{ file: '.', message: 'changed while it was read. Load it again.' }])
  }
  if (problems.length > 0) throw new ProjectError(problems)
  return {
    ...project,
    root,
    files,
    settings: config.settings ?? {},
    agents: files.length > 0 ? project.agents : undefined,
  }
}

/**
 * Loads the capabilities of a project that is known to be valid, for a thread that runs its tools:
 * without agents, and without the server's modules that check the whole.
 * Contract: throws ProjectError.
 */
export async function loadCapabilities(location: ProjectLocation): Promise<readonly Capability[]> {
  const { loading, config, found } = await openProject(location)
  const capabilities = await capabilitiesOf(loading, config, found)
  if (loading.problems.length > 0) throw new ProjectError(loading.problems)
  return capabilities
}

async function openProject(location: ProjectLocation) {
  const named = location.config && path.resolve(location.folder, location.config)
  const root = named ? path.dirname(named) : path.resolve(location.folder)
  const configFile = named ? path.basename(named) : findConfigFile(root)
  if (named && !existsSync(named)) {
    throw new ProjectError([{ file: named, message: 'does not exist.' }])
  }
  resolvePackage()
  const problems: ProjectProblem[] = []
  const loading: Loading = { root, problems }
  const config = configFile ? await loadConfig(loading, configFile) : {}
  if (problems.length > 0) throw new ProjectError(problems)
  const found = findFiles(root, config.folders ?? {}, configFile !== undefined)
  return { loading, config, found: { ...found, configFile } }
}

/** The project of a config that was given in code. Contract: throws ProjectError. */
export async function projectOf(config: DefinedConfig | undefined): Promise<LoadedProject> {
  const problems: ProjectProblem[] = []
  const loading: Loading = { root: process.cwd(), problems }
  const given = config ?? {}
  runStep(loading, 'config', () => {
    if (config) checkKind(config, 'config')
    checkConfigShape(given)
  })
  const none = { capabilities: [], tools: [], agents: [], configFile: undefined }
  const project = problems.length === 0 && (await loadParts(loading, given, none))
  if (!project || problems.length > 0) throw new ProjectError(problems)
  const agents = given.agents ? project.agents : undefined
  return { ...project, root: loading.root, files: [], settings: given.settings ?? {}, agents }
}

type Loading = { root: string; problems: ProjectProblem[] }

/** Runs a step. Its error becomes a problem of `file`; the result is undefined then. */
function runStep<T>({ problems }: Loading, file: string, step: () => T): T | undefined {
  try {
    return step()
  } catch (error) {
    if (error instanceof ProjectError) problems.push(...error.problems)
    else problems.push({ file, message: thrownMessage(error) })
    return undefined
  }
}

async function loadConfig(loading: Loading, file: string): Promise<DefinedConfig> {
  const config = await importDefault(loading, file)
  const checked = runStep(loading, file, () => {
    checkDefault(config, 'config')
    checkConfigShape(config as DefinedConfig)
    return config as DefinedConfig
  })
  return checked ?? {}
}

const nothing = Symbol('nothing')

/** The default export of a file; `nothing` after a problem. */
async function importDefault({ root, problems }: Loading, file: string): Promise<unknown> {
  try {
    const url = pathToFileURL(path.join(root, file)).href
    // An import may wait for ever, at the top level of a module.
    const limit = { timeoutMs: importMaxMs }
    const module = await withTimeLimit<{ default?: unknown }>(limit, () => import(url))
    return module.default
  } catch (error) {
    problems.push(importProblem(root, file, error))
    return nothing
  }
}

function checkDefault(value: unknown, kind: Kind): void {
  if (value === nothing) return
  if (value === undefined) throw new Error('has no default export.')
  try {
    checkKind(value, kind)
  } catch (error) {
    throw new Error(`The default export ${(error as Error).message}.`)
  }
}

type ProjectFiles = {
  capabilities: string[]
  tools: string[]
  agents: string[]
  configFile: string | undefined
}

async function loadParts(
  loading: Loading,
  config: DefinedConfig,
  found: ProjectFiles,
): Promise<Project> {
  const { configFile = 'config' } = found
  const capabilities = await capabilitiesOf(loading, config, found)
  await checkTogether(loading, capabilities)
  const { agentOfValue } = await import('./agents.ts')
  const agents = [
    ...(await agentsIn(loading, found.agents)),
    ...(config.agents ?? []).flatMap(
      (agent) => runStep(loading, configFile, () => agentOfValue(agent, configFile)) ?? [],
    ),
  ]
  checkNames(loading, agents)
  const { auth, hooks = {}, routes } = config
  return { capabilities, agents, auth, hooks, routes }
}

async function capabilitiesOf(
  loading: Loading,
  config: DefinedConfig,
  found: ProjectFiles,
): Promise<Capability[]> {
  const { configFile = 'config' } = found
  return [
    ...(await capabilitiesIn(loading, found.capabilities)),
    ...definedIn(loading, configFile, config.capabilities ?? []),
    ...(await toolsIn(loading, found.tools, { file: configFile, tools: config.tools ?? [] })),
  ]
}

async function capabilitiesIn(loading: Loading, files: readonly string[]): Promise<Capability[]> {
  const all: Capability[] = []
  for (const file of files) {
    const value = await importDefault(loading, file)
    if (value === nothing) continue
    if (Array.isArray(value)) all.push(...definedIn(loading, file, value))
    else {
      const place = { file, name: nameOfFile(file) }
      const made = runStep(loading, file, () => {
        checkDefault(value, 'capability')
        return capabilityOf(value as DefinedCapability, place)
      })
      if (made) all.push(made)
    }
  }
  return all
}

const definedIn = (loading: Loading, file: string, list: readonly DefinedCapability[]) =>
  list.flatMap((one) => runStep(loading, file, () => capabilityOf(one, { file })) ?? [])

/** The capability of the project's tools, in a list; none without a tool. */
async function toolsIn(
  loading: Loading,
  files: readonly string[],
  config: { file: string; tools: readonly DefinedTool[] },
): Promise<Capability[]> {
  const tools = new Map<string, { tool: Tool; file: string }>()
  const add = (value: DefinedTool, file: string, name?: string) =>
    runStep(loading, file, () => {
      const tool = toolOf(value, { ...(name && { name }) })
      const other = tools.get(tool.name)
      if (other) throw new Error(`has the tool ${tool.name}, which ${other.file} has too.`)
      tools.set(tool.name, { tool, file })
    })
  for (const file of files) {
    const value = await importDefault(loading, file)
    if (value === nothing) continue
    const isTool = runStep(loading, file, () => {
      checkDefault(value, 'tool')
      return true
    })
    if (isTool) add(value as DefinedTool, file, nameOfFile(file))
  }
  for (const tool of config.tools) add(tool, config.file)
  if (tools.size === 0) return []
  const all = [...tools.values()].map(({ tool }) => tool)
  const file = files.length > 0 ? path.posix.dirname(files[0]!) : config.file
  const about = { id: toolsId, name: 'Tools', description: 'The tools of this project.' }
  const capability = defineCapability({
    ...about,
    category: 'Project',
    icon: 'puzzle',
    status: 'available',
    tools: () => all,
  })
  return [{ ...capability, file }]
}

/** Finds conflicts between capabilities of the project, and with the built-in ones. */
async function checkTogether(loading: Loading, capabilities: readonly Capability[]) {
  const [{ builtins }, { checkCatalog }] = await Promise.all([
    import('../capabilities/index.ts'),
    import('../capabilities/catalog/catalog.ts'),
  ])
  const files = new Map<string, string>()
  for (const { id, file = '' } of capabilities) {
    const isBuiltIn = builtins.some((one) => one.id === id)
    const other = isBuiltIn ? 'is built in' : files.has(id) ? `${files.get(id)} has too` : undefined
    if (other) {
      const message = isBuiltIn
        ? `has the id ${id}, which ${other}. Choose another id.`
        : `has the capability ${id}, which ${other}.`
      loading.problems.push({ file, message })
    }
    files.set(id, file)
  }
  if (loading.problems.length > 0) return
  runStep(loading, '.', () => checkCatalog([...builtins, ...capabilities]))
}

async function agentsIn(loading: Loading, files: readonly string[]): Promise<FileAgent[]> {
  const { agentOfFile, agentOfValue } = await import('./agents.ts')
  const all: FileAgent[] = []
  for (const file of files) {
    if (isCode(file)) {
      const value = await importDefault(loading, file)
      if (value === nothing) continue
      const made = runStep(loading, file, () => {
        checkDefault(value, 'agent')
        return agentOfValue(value as never, file)
      })
      if (made) all.push(made)
    } else {
      const text = () => readFileSync(path.join(loading.root, file), 'utf8')
      const made = runStep(loading, file, () => agentOfFile(text(), file))
      if (made) all.push(made)
    }
  }
  return all
}

function checkNames(loading: Loading, agents: readonly FileAgent[]): void {
  const files = new Map<string, string>()
  for (const { file, agent } of agents) {
    const other = files.get(agent.name)
    if (other) {
      const message = `has the agent ${agent.name}, which ${other} has too.`
      loading.problems.push({ file, message })
    }
    files.set(agent.name, file)
  }
}
