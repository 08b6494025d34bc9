import type { Event, EventMessage, Role, Scope, ToolCall } from '@outlast/contract'
import type { Outlast } from '@outlast/sdk'
import type { FastifyInstance } from 'fastify'
import type { Config } from '../config.ts'
import type { Agent } from './agent.ts'
import { type Branded, branded } from './brand.ts'
import type { Capability } from './capability.ts'
import type { Tool } from './tool.ts'

type SettingValue<Value> = Value extends boolean
  ? boolean
  : Value extends number
    ? number
    : string | readonly string[]

/** Settings by the names of their environment variables. The environment wins. */
export type Settings = { [Name in keyof Config]?: SettingValue<NonNullable<Config[Name]>> }

/** The caller of a request, identified by the authentication of the user's product. */
export type VerifiedUser = {
  /** Id of the user in the product: 1 to 200 characters. */
  user: string
  /** Name for people. Default: the id. */
  name?: string
  /** Id of the organization. Default: the default organization. */
  organization?: string
  /** Default: `member`. */
  role?: Role
  /** Limits the access of the role. Default: all that the role has. */
  scopes?: readonly Scope[]
}

export type Auth = {
  /**
   * Identifies the caller of a request that has no key and no token of this server. `null`: an
   * unknown caller. An error refuses the request.
   */
  verify: (request: Request) => VerifiedUser | null | Promise<VerifiedUser | null>
}

export type EventHookContext = {
  organizationId: string
  /** Aborted when the server stops, or after 30 s. */
  signal: AbortSignal
}

/**
 * Called with each stored event, in the order of its session, after its commit. At least once: an
 * event is given again after an error and after a crash.
 */
export type EventHook = (event: Event, context: EventHookContext) => void | Promise<void>

/** A tool call that is about to run. */
export type HookedCall = {
  call: ToolCall
  /** The capability of the tool; absent for client tools. */
  capabilityId?: string
}

export type CallHookContext = {
  organizationId: string
  sessionId: string
  turnId: string
  agent: { id: string; name: string }
  /** The message that the turn answers. */
  message?: EventMessage
  signal: AbortSignal
}

/**
 * With `undefined` and `arguments` the tool's own policy applies. The model receives the reason of
 * `deny`.
 */
export type CallDecision =
  | undefined
  | { deny: string }
  | { approval: true }
  | { arguments: Record<string, unknown> }

export type CallHook = (
  call: HookedCall,
  context: CallHookContext,
) => CallDecision | Promise<CallDecision>

export type Hooks = {
  /** One hook, named `default`, or hooks by name. Each name has its own position in the events. */
  event?: EventHook | Readonly<Record<string, EventHook>>
  /** Decides on each tool call before it runs. An error, or no answer in 10 s, denies it. */
  call?: CallHook
}

/** Own HTTP routes. `outlast` is a client of this server with full access. */
export type Routes = (
  fastify: FastifyInstance,
  context: { outlast: Outlast },
) => void | Promise<void>

/** Folders that are read, relative to the config. */
export type Folders = { capabilities?: string; tools?: string; agents?: string }

export type ProjectConfig = {
  capabilities?: readonly Capability[]
  tools?: readonly Tool[]
  agents?: readonly Agent[]
  /** Default: `capabilities`, `tools` and `agents`. */
  folders?: Folders
  settings?: Settings
  auth?: Auth
  hooks?: Hooks
  routes?: Routes
}

export type DefinedConfig = ProjectConfig & Branded<'config'>

/** Defines the project of a server, in `outlast.config.ts`. */
export function defineConfig(config: ProjectConfig): DefinedConfig {
  return branded('config', config)
}
