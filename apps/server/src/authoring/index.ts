/** The package `outlast`: a project imports it to define tools, capabilities and agents. */
export { Type } from 'typebox'
export {
  type Image,
  type Mount,
  type Progress,
  type ToolContext,
  ToolError,
  type ToolLimits,
  withImages,
} from '../capabilities/capability.ts'
export type { GivenQuestion } from '../capabilities/question-schema.ts'
export type { SessionRule } from '../capabilities/session-rules.ts'
export type {
  FileChange,
  FileContent,
  NamedTexts,
  SessionFiles,
  SessionStorage,
  StoredName,
} from '../store/files/tool-access.ts'
export { type Agent, type AgentDefinition, defineAgent } from './agent.ts'
export { type Capability, type CapabilityDefinition, defineCapability } from './capability.ts'
export {
  type Auth,
  type CallDecision,
  type CallHook,
  type CallHookContext,
  type DefinedConfig,
  defineConfig,
  type EventHook,
  type EventHookContext,
  type Folders,
  type HookedCall,
  type Hooks,
  type ProjectConfig,
  type Routes,
  type Settings,
  type VerifiedUser,
} from './config.ts'
export type { AnySchema, JsonSchema } from './schema.ts'
export { defineTool, type Tool, type ToolDefinition } from './tool.ts'
