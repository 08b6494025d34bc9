/** Describes the contents of a project. */
import type { Capability } from '../capabilities/capability.ts'
import { fileOfTool } from '../project/findings.ts'
import type { LoadedProject } from '../project/load.ts'

export type ProjectContents = {
  folder: string
  capabilities: { id: string; file: string; tools: ToolEntry[] }[]
  agents: { name: string; file: string; capabilities: string[] }[]
  hooks: string[]
  routes: boolean
  auth: boolean
  settings: string[]
}

type ToolEntry = { name: string; file: string; replay: string; policy: string }

/** Contract: contains the names of settings and not their values, which may be secrets. */
export function contentsOf(project: LoadedProject): ProjectContents {
  const { root, capabilities, agents = [], hooks, routes, auth, settings } = project
  const { event, call } = hooks
  const events = typeof event === 'function' ? ['default'] : Object.keys(event ?? {})
  return {
    folder: root,
    capabilities: capabilities.map((capability) => ({
      id: capability.id,
      file: capability.file ?? '',
      tools: toolsOf(project, capability),
    })),
    agents: agents.map(({ file, agent }) => ({
      name: agent.name,
      file,
      capabilities: (agent.capabilities ?? []).map(({ ref }) => ref),
    })),
    hooks: [...events.map((name) => `event ${name}`), ...(call ? ['call'] : [])],
    routes: routes !== undefined,
    auth: auth !== undefined,
    settings: Object.keys(settings),
  }
}

const toolsOf = (project: LoadedProject, capability: Capability): ToolEntry[] =>
  capability.tools({}).map((tool) => ({
    name: tool.name,
    file: fileOfTool(project, capability, tool),
    replay: tool.replay,
    policy: tool.policy ?? 'auto',
  }))

export function contentsText(contents: ProjectContents): string {
  const { folder, capabilities, agents, hooks, routes, auth, settings } = contents
  const rows = [
    ...capabilities.flatMap(({ id, file, tools }) => [
      ['capability', id, '', file],
      ...tools.map(({ name, replay, policy, file }) => [
        'tool',
        name,
        `${replay}, ${policy}`,
        file,
      ]),
    ]),
    ...agents.map(({ name, capabilities, file }) => ['agent', name, capabilities.join(', '), file]),
    ...hooks.map((hook) => ['hook', hook]),
    ...(routes ? [['routes', 'own HTTP routes']] : []),
    ...(auth ? [['auth', 'own authentication']] : []),
    ...settings.map((name) => ['setting', name]),
  ]
  if (rows.length === 0) return `${folder} ${nothingFound}\n`
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
  return `${lines.join('\n')}\n`
}

const nothingFound =
  'has no files of a project: files in tools/, capabilities/ or agents/, or settings in outlast.config.ts. Without a config, code must import outlast.'

const counted = (count: number, noun: string, plural = `${noun}s`) =>
  `${count} ${count === 1 ? noun : plural}`

/** The contents of a project in a few words. */
export function contentsSummary({ files, capabilities, agents = [] }: LoadedProject): string {
  if (files.length === 0) return 'no files of a project yet'
  const tools = capabilities.flatMap((capability) => capability.tools({}))
  return [
    counted(tools.length, 'tool'),
    counted(capabilities.length, 'capability', 'capabilities'),
    counted(agents.length, 'agent'),
  ].join(', ')
}
