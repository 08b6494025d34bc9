import type { NewAgent } from '@outlast/contract'
import type { Capability } from '../capabilities/capability.ts'
import type { Auth, Hooks, Routes } from './config.ts'

/** An agent that a file of the project defines. */
export type FileAgent = {
  /** The file, relative to the project, such as `agents/support.md`. */
  file: string
  agent: NewAgent
  /** Keys of the file that have no effect. */
  ignored?: readonly { key: string; line?: number }[]
}

/** The user's own code and agents, as a node runs them. */
export type Project = {
  /** Without the built-in ones. */
  capabilities: readonly Capability[]
  /** Undefined: the server has no project, and leaves all stored agents as they are. */
  agents: readonly FileAgent[] | undefined
  auth: Auth | undefined
  hooks: Hooks
  routes: Routes | undefined
}

export const emptyProject: Project = {
  capabilities: [],
  agents: undefined,
  auth: undefined,
  hooks: {},
  routes: undefined,
}
